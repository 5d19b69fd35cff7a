/* SPDX-License-Identifier: MIT */
/*
 * hook-threads.c - the locks of <threads.h>
 *
 * An mtx_t and a cnd_t are a mutex and a condition variable by other names, made
 * process-shared at first use. What may be inherited goes by the doors of those. But musl
 * takes it for granted that a cnd_t is private when it wakes: so one in shared memory is
 * woken by the function for the other.
 */
#include "doors.h"

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "one is the other by another name");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "one is the other by another name");

static int c11_result(int error)
{
	switch (error) {
	case 0:
		return thrd_success;
	case EBUSY:
		return thrd_busy;
	case ETIMEDOUT:
		return thrd_timedout;
	default:
		return thrd_error;
	}
}

int door_mtx_lock(mtx_t *mtx)
{
	doors_use(SYNC_MUTEX, mtx);
	if (doors_may_inherit(mtx))
		return c11_result(door_mutex_lock((pthread_mutex_t *)mtx));
	return next->mtx_lock(mtx);
}

int door_mtx_trylock(mtx_t *mtx)
{
	doors_use(SYNC_MUTEX, mtx);
	if (doors_may_inherit(mtx))
		return c11_result(door_mutex_trylock((pthread_mutex_t *)mtx));
	return next->mtx_trylock(mtx);
}

int door_mtx_timedlock(mtx_t *mtx, const struct timespec *deadline)
{
	doors_use(SYNC_MUTEX, mtx);
	if (doors_may_inherit(mtx))
		return c11_result(door_mutex_timedlock((pthread_mutex_t *)mtx, deadline));
	return next->mtx_timedlock(mtx, deadline);
}

int door_cnd_wait(cnd_t *cnd, mtx_t *mtx)
{
	doors_use(SYNC_COND, cnd);
	if (doors_may_inherit(mtx))
		return c11_result(
			door_cond_wait((pthread_cond_t *)cnd, (pthread_mutex_t *)mtx));
	return next->cnd_wait(cnd, mtx);
}

int door_cnd_timedwait(cnd_t *cnd, mtx_t *mtx, const struct timespec *deadline)
{
	doors_use(SYNC_COND, cnd);
	if (doors_may_inherit(mtx))
		return c11_result(door_cond_timedwait(
			(pthread_cond_t *)cnd, (pthread_mutex_t *)mtx, deadline));
	return next->cnd_timedwait(cnd, mtx, deadline);
}

int door_cnd_signal(cnd_t *cnd)
{
	if (areas_hold(cnd))
		return c11_result(next->cond_signal((pthread_cond_t *)cnd));
	return next->cnd_signal(cnd);
}

int door_cnd_broadcast(cnd_t *cnd)
{
	if (areas_hold(cnd))
		return c11_result(next->cond_broadcast((pthread_cond_t *)cnd));
	return next->cnd_broadcast(cnd);
}
