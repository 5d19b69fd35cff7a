/* SPDX-License-Identifier: MIT */
/*
 * locker.c - nothing in here is shared, and its calls are its own
 *
 * Built as a library that a program is linked with, and as plugins that it loads.
 */
#include "locker.h"

int locker_lock(pthread_mutex_t *mutex)
{
	return pthread_mutex_lock(mutex);
}

int locker_unlock(pthread_mutex_t *mutex)
{
	return pthread_mutex_unlock(mutex);
}

int locker_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	return pthread_cond_wait(cond, mutex);
}
