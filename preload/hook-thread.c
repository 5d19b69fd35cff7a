/* SPDX-License-Identifier: MIT */
/*
 * hook-thread.c - pthread_create, for the sake of threads started during dlopen()
 *
 * A new thread may write to a library's variables at once; the pages must have become
 * shared before it exists, or its first writes are lost.
 */
#include "lifecycle.h"
#include "real.h"

FONDUE_EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	void *(*start)(void *), void *arg)
{
	if (!real()->pthread_create)
		return ENOSYS;
	lifecycle_before_split();
	return real()->pthread_create(thread, attr, start, arg);
}
