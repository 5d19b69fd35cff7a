/* SPDX-License-Identifier: MIT */
/*
 * process-shared.h - locks of libc in shared memory work between processes
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "areas.h"

enum sync { SYNC_MUTEX, SYNC_COND, SYNC_RWLOCK, SYNC_KINDS };

/*
 * Functions of libc of which only some processes have need. Not bound when we are loaded,
 * which all processes would pay for: they are found when doors open (repoint.h), and so
 * before any is used.
 */
struct sync_calls {
	int (*cond_init)(pthread_cond_t *, const pthread_condattr_t *);
	int (*condattr_init)(pthread_condattr_t *);
	int (*condattr_setpshared)(pthread_condattr_t *, int);
	int (*rwlock_init)(pthread_rwlock_t *, const pthread_rwlockattr_t *);
	int (*rwlockattr_init)(pthread_rwlockattr_t *);
	int (*rwlockattr_setpshared)(pthread_rwlockattr_t *, int);
	int (*barrier_init)(pthread_barrier_t *, const pthread_barrierattr_t *, unsigned);
	int (*barrierattr_init)(pthread_barrierattr_t *);
	int (*barrierattr_setpshared)(pthread_barrierattr_t *, int);
	int (*mutexattr_getprotocol)(const pthread_mutexattr_t *, int *);
	int (*mutexattr_getrobust)(const pthread_mutexattr_t *, int *);
};

extern FONDUE_INSIDE struct sync_calls sync_calls;

/* What makes an object of a kind process-shared: bits in one of its words of 64. */
struct sync_change {
	_Atomic uint64_t bits; /* 0: not known (yet) */
	uint64_t robust;       /* what makes a mutex robust, in the same word */
	size_t word;	       /* constant, as `robust` is, once `bits` is not 0 */
};

extern FONDUE_INSIDE struct sync_change sync_changes[SYNC_KINDS];

static inline _Atomic uint64_t *sync_word(const struct sync_change *change, void *object)
{
	return (_Atomic uint64_t *)object + change->word;
}

static inline bool process_shared_is(enum sync kind, void *object)
{
	/* acquire: `word` before it is used; pairs with the release in learn() */
	uint64_t bits = atomic_load_explicit(&sync_changes[kind].bits, memory_order_acquire);

	/* relaxed: this word alone is what libc goes by, too */
	return bits && (atomic_load_explicit(
				sync_word(&sync_changes[kind], object), memory_order_relaxed) &
			       bits) == bits;
}

/* As process_shared_use(), of what lies in shared memory and is not so yet. */
void process_shared_make(enum sync kind, void *object);

/*
 * process_shared_use() - @object is about to be locked, or waited for
 *
 * Makes it process-shared, if it lies in memory that we share and is not so yet. If that
 * cannot be done it is left as it is, and that is said once in the family. Keeps errno;
 * takes no lock.
 */
static inline void process_shared_use(enum sync kind, void *object)
{
	if (areas_hold(object) && !process_shared_is(kind, object))
		process_shared_make(kind, object);
}

/*
 * process_shared_fresh() - the same for one that has just been initialised
 *
 * Nobody uses it, and it may have any attributes. With @robust a mutex becomes robust as
 * well.
 */
void process_shared_fresh(enum sync kind, void *object, bool robust);

/* Say once that what is at @object, a @what, stays as it is; why, and what to do. */
void process_shared_cannot(
	const void *object, const char *what, const char *cause, const char *cure);
