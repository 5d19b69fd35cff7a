/* SPDX-License-Identifier: MIT */
/*
 * locker-many.c - the loader has much to do after it has filled the slot of a lock call
 *
 * All slots are among what it makes read-only in the end. The names of others come first
 * in an object's table, and in that order the loader works.
 */
#include "locker.h"

#define ONE(n)              \
	int many_##n(void); \
	int many_##n(void)  \
	{                   \
		return 1;   \
	}
#define FOUR(do, n) \
	do          \
	(n##0) do(n##1) do(n##2) do(n##3)
#define SIXTEEN(do, n) FOUR(do, n##0) FOUR(do, n##1) FOUR(do, n##2) FOUR(do, n##3)
#define MANY(do, n)    SIXTEEN(do, n##0) SIXTEEN(do, n##1) SIXTEEN(do, n##2) SIXTEEN(do, n##3)
#define ALL(do)                                                                             \
	MANY(do, 0)                                                                         \
	MANY(do, 1) MANY(do, 2) MANY(do, 3) MANY(do, 4) MANY(do, 5) MANY(do, 6) MANY(do, 7) \
		MANY(do, 8) MANY(do, 9) MANY(do, a) MANY(do, b)
#define ADDRESS(n) many_##n,

ALL(ONE)

extern int (*const many_addresses[])(void);
int (*const many_addresses[])(void) = { ALL(ADDRESS) };

int locker_lock(pthread_mutex_t *mutex)
{
	return pthread_mutex_lock(mutex);
}

int locker_unlock(pthread_mutex_t *mutex)
{
	return pthread_mutex_unlock(mutex);
}
