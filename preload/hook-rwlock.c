/* SPDX-License-Identifier: MIT */
/*
 * hook-rwlock.c - locks for readers and writers, and what has no static initialiser
 */
#include "doors.h"

/* Locks for readers and writers */

int door_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes)
{
	int result = sync_calls.rwlock_init(lock, attributes);

	if (result == 0 && areas_hold(lock))
		process_shared_fresh(SYNC_RWLOCK, lock, false);
	return result;
}

int door_rwlock_rdlock(pthread_rwlock_t *lock)
{
	doors_use(SYNC_RWLOCK, lock);
	return next->rwlock_rdlock(lock);
}

int door_rwlock_wrlock(pthread_rwlock_t *lock)
{
	doors_use(SYNC_RWLOCK, lock);
	return next->rwlock_wrlock(lock);
}

int door_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
	doors_use(SYNC_RWLOCK, lock);
	return next->rwlock_tryrdlock(lock);
}

int door_rwlock_trywrlock(pthread_rwlock_t *lock)
{
	doors_use(SYNC_RWLOCK, lock);
	return next->rwlock_trywrlock(lock);
}

int door_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *deadline)
{
	doors_use(SYNC_RWLOCK, lock);
	return next->rwlock_timedrdlock(lock, deadline);
}

int door_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *deadline)
{
	doors_use(SYNC_RWLOCK, lock);
	return next->rwlock_timedwrlock(lock, deadline);
}

int door_rwlock_clockrdlock(
	pthread_rwlock_t *lock, clockid_t clock, const struct timespec *deadline)
{
	doors_use(SYNC_RWLOCK, lock);
	return next->rwlock_clockrdlock(lock, clock, deadline);
}

int door_rwlock_clockwrlock(
	pthread_rwlock_t *lock, clockid_t clock, const struct timespec *deadline)
{
	doors_use(SYNC_RWLOCK, lock);
	return next->rwlock_clockwrlock(lock, clock, deadline);
}

/* What has no static initialiser. There is one attribute of a barrier. */

int door_barrier_init(
	pthread_barrier_t *barrier, const pthread_barrierattr_t *attributes, unsigned count)
{
	pthread_barrierattr_t shared;

	if (!areas_hold(barrier) || sync_calls.barrierattr_init(&shared) != 0)
		return sync_calls.barrier_init(barrier, attributes, count);
	if (sync_calls.barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED) == 0)
		attributes = &shared;
	else
		process_shared_cannot(barrier, "pthread_barrier_t",
			"this libc has none that are", "use a condition variable");
	return sync_calls.barrier_init(barrier, attributes, count);
}

int door_sem_init(sem_t *semaphore, int shared, unsigned value)
{
	return next->sem_init(semaphore, shared || areas_hold(semaphore), value);
}

/* Nor what cannot be made process-shared at all. */
int door_once(pthread_once_t *control, void (*function)(void))
{
	if (areas_hold(control))
		process_shared_cannot(control, "pthread_once_t",
			"no libc has such; what its function does in one process it does for none "
			"of the others, and who waits for it there may wait for ever",
			"leave it private");
	return next->once(control, function);
}
