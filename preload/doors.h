/* SPDX-License-Identifier: MIT */
/*
 * doors.h - doors before the functions that lock and wait, and what is behind them
 *
 * None is exported: they are put into the slots of objects, in processes that share
 * something (repoint.h). Each sees to it that what lies in shared memory is process-shared,
 * and goes on to the real function. Of an object of its own memory a program notices some
 * comparisons.
 *
 * What is missing here is not needed. To unlock, to signal and to broadcast concern those
 * who sleep, and they have come by a door before.
 */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <threads.h>
#include <time.h>

#include "config.h"
#include "process-shared.h"

/*
 * What the doors go on to; in memory of its own, as the list of doors is, since most
 * processes have no use for it.
 */
struct next_calls {
	int (*mutex_init)(pthread_mutex_t *, const pthread_mutexattr_t *);
	int (*mutex_lock)(pthread_mutex_t *);
	int (*mutex_trylock)(pthread_mutex_t *);
	int (*mutex_timedlock)(pthread_mutex_t *, const struct timespec *);
	int (*mutex_clocklock)(pthread_mutex_t *, clockid_t, const struct timespec *);
	int (*cond_wait)(pthread_cond_t *, pthread_mutex_t *);
	int (*cond_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
	int (*cond_clockwait)(
		pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
	int (*rwlock_rdlock)(pthread_rwlock_t *);
	int (*rwlock_wrlock)(pthread_rwlock_t *);
	int (*rwlock_tryrdlock)(pthread_rwlock_t *);
	int (*rwlock_trywrlock)(pthread_rwlock_t *);
	int (*rwlock_timedrdlock)(pthread_rwlock_t *, const struct timespec *);
	int (*rwlock_timedwrlock)(pthread_rwlock_t *, const struct timespec *);
	int (*rwlock_clockrdlock)(pthread_rwlock_t *, clockid_t, const struct timespec *);
	int (*rwlock_clockwrlock)(pthread_rwlock_t *, clockid_t, const struct timespec *);
	int (*sem_init)(sem_t *, int, unsigned);
	int (*once)(pthread_once_t *, void (*)(void));
	int (*mtx_lock)(mtx_t *);
	int (*mtx_trylock)(mtx_t *);
	int (*mtx_timedlock)(mtx_t *, const struct timespec *);
	int (*cnd_wait)(cnd_t *, mtx_t *);
	int (*cnd_timedwait)(cnd_t *, mtx_t *, const struct timespec *);
	int (*cnd_signal)(cnd_t *);
	int (*cnd_broadcast)(cnd_t *);
	int (*cond_signal)(pthread_cond_t *);
	int (*cond_broadcast)(pthread_cond_t *);
	void *(*dlopen)(const char *, int);
};

extern FONDUE_INSIDE struct next_calls *next; /* constant once a door is open */

/*
 * process_shared_use(), not in line: what does nothing in most processes should be short in
 * all.
 */
void doors_use(enum sync kind, void *object);

/* May a call that locks @mutex inherit it? Then its result is looked at. */
bool doors_hold(const void *object);
static inline bool doors_may_inherit(void *mutex)
{
	return config.robust && doors_hold(mutex);
}

int door_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int door_mutex_lock(pthread_mutex_t *mutex);
int door_mutex_trylock(pthread_mutex_t *mutex);
int door_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *deadline);
int door_mutex_clocklock(
	pthread_mutex_t *mutex, clockid_t clock, const struct timespec *deadline);
int door_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes);
int door_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int door_cond_timedwait(
	pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *deadline);
int door_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
	const struct timespec *deadline);
int door_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes);
int door_rwlock_rdlock(pthread_rwlock_t *lock);
int door_rwlock_wrlock(pthread_rwlock_t *lock);
int door_rwlock_tryrdlock(pthread_rwlock_t *lock);
int door_rwlock_trywrlock(pthread_rwlock_t *lock);
int door_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *deadline);
int door_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *deadline);
int door_rwlock_clockrdlock(
	pthread_rwlock_t *lock, clockid_t clock, const struct timespec *deadline);
int door_rwlock_clockwrlock(
	pthread_rwlock_t *lock, clockid_t clock, const struct timespec *deadline);
int door_barrier_init(
	pthread_barrier_t *barrier, const pthread_barrierattr_t *attributes, unsigned count);
int door_sem_init(sem_t *semaphore, int shared, unsigned value);
int door_once(pthread_once_t *control, void (*function)(void));
int door_mtx_lock(mtx_t *mtx);
int door_mtx_trylock(mtx_t *mtx);
int door_mtx_timedlock(mtx_t *mtx, const struct timespec *deadline);
int door_cnd_wait(cnd_t *cnd, mtx_t *mtx);
int door_cnd_timedwait(cnd_t *cnd, mtx_t *mtx, const struct timespec *deadline);
int door_cnd_signal(cnd_t *cnd);
int door_cnd_broadcast(cnd_t *cnd);
