/* SPDX-License-Identifier: MIT */
/*
 * hook-pthread.c - mutexes and condition variables
 *
 * With FONDUE_ROBUST a call that locks a mutex may inherit it from the dead: then its
 * result is not simply the real function's. The mutex of a condition variable has been
 * locked by a door; it may be inherited when the wait is over.
 */
#include "doors.h"
#include "robust.h"

#define INHERIT(mutex, ...)                                 \
	({                                                  \
		uint32_t owner_ = robust_owner(mutex);      \
		robust_inherit(mutex, owner_, __VA_ARGS__); \
	})

int door_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
	int result = next->mutex_init(mutex, attributes);

	if (result == 0 && areas_hold(mutex))
		process_shared_fresh(SYNC_MUTEX, mutex, robust_is_for(mutex, attributes));
	return result;
}

int door_mutex_lock(pthread_mutex_t *mutex)
{
	doors_use(SYNC_MUTEX, mutex);
	if (doors_may_inherit(mutex))
		return INHERIT(mutex, next->mutex_lock(mutex));
	return next->mutex_lock(mutex);
}

int door_mutex_trylock(pthread_mutex_t *mutex)
{
	doors_use(SYNC_MUTEX, mutex);
	if (doors_may_inherit(mutex))
		return INHERIT(mutex, next->mutex_trylock(mutex));
	return next->mutex_trylock(mutex);
}

int door_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *deadline)
{
	doors_use(SYNC_MUTEX, mutex);
	if (doors_may_inherit(mutex))
		return INHERIT(mutex, next->mutex_timedlock(mutex, deadline));
	return next->mutex_timedlock(mutex, deadline);
}

int door_mutex_clocklock(
	pthread_mutex_t *mutex, clockid_t clock, const struct timespec *deadline)
{
	doors_use(SYNC_MUTEX, mutex);
	if (doors_may_inherit(mutex))
		return INHERIT(mutex, next->mutex_clocklock(mutex, clock, deadline));
	return next->mutex_clocklock(mutex, clock, deadline);
}

/*
 * Condition variables. The mutex has been locked by a door; it may be inherited at the end.
 */

int door_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes)
{
	int result = sync_calls.cond_init(cond, attributes);

	if (result == 0 && areas_hold(cond))
		process_shared_fresh(SYNC_COND, cond, false);
	return result;
}

int door_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	doors_use(SYNC_COND, cond);
	if (doors_may_inherit(mutex))
		return robust_inherit(mutex, 0, next->cond_wait(cond, mutex));
	return next->cond_wait(cond, mutex);
}

int door_cond_timedwait(
	pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *deadline)
{
	doors_use(SYNC_COND, cond);
	if (doors_may_inherit(mutex))
		return robust_inherit(mutex, 0, next->cond_timedwait(cond, mutex, deadline));
	return next->cond_timedwait(cond, mutex, deadline);
}

int door_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
	const struct timespec *deadline)
{
	doors_use(SYNC_COND, cond);
	if (doors_may_inherit(mutex))
		return robust_inherit(
			mutex, 0, next->cond_clockwait(cond, mutex, clock, deadline));
	return next->cond_clockwait(cond, mutex, clock, deadline);
}
