/* SPDX-License-Identifier: MIT */
/*
 * real.h - the functions behind our hooks
 */
#pragma once

#include <link.h>
#include <pthread.h>

#include "base.h"

struct real {
	pid_t (*fork)(void);
	pid_t (*_Fork)(void);
	int (*clone)(int (*fn)(void *), void *stack, int flags, void *arg, ...);
	void *(*dlopen)(const char *file, int mode);
	int (*dl_iterate_phdr)(
		int (*callback)(struct dl_phdr_info *, size_t, void *), void *arg);
	int (*pthread_create)(pthread_t *thread, const pthread_attr_t *attr,
		void *(*start)(void *), void *arg);
};

/*
 * real() - the table, complete
 *
 * A member is NULL when no object behind us defines it. May be called before our
 * constructor and by several threads at once; the first call is not async-signal-safe, and
 * the constructor makes it.
 */
const struct real *real(void);
