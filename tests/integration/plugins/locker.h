/* SPDX-License-Identifier: MIT */
/*
 * locker.h - a library that locks what its caller has
 */
#pragma once

#include <pthread.h>

int locker_lock(pthread_mutex_t *mutex);
int locker_unlock(pthread_mutex_t *mutex);
int locker_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
