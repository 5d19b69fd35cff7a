/* SPDX-License-Identifier: MIT */
/*
 * bench-spinlock-contestants.c - the locks, each with its own copy of what is timed
 *
 * A lock that its header inlines is timed inlined, one that its library exports through
 * the call: so a user has them. The loops below are therefore templates: CONTESTANT()
 * makes functions of them in which lock and unlock are known to the compiler.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_CK
#include <ck_spinlock.h>
#endif

#include <fondue/spinlock.h>

#include "bench-spinlock.h"

#define INLINE static inline __attribute__((always_inline))
#define TIMED  __attribute__((noinline, aligned(64))) static

/* @self: for a lock in which each process has a place of its own */
typedef int operation(void *lock, struct tally *self);

INLINE void busy(unsigned long iterations)
{
	for (; iterations; iterations--)
		__asm__ volatile("" : "+r"(iterations));
}

INLINE void pairs(struct tally *self, unsigned long count, operation *lock, operation *unlock)
{
	void *it = arena->lock;

	for (; count; count--) {
		lock(it, self);
		unlock(it, self);
	}
}

INLINE void turns(
	struct tally *self, struct load load, operation *lock, operation *unlock, bool timed)
{
	struct arena *a = arena;
	uint64_t start = 0;

	while (!atomic_load_explicit(&a->stop, memory_order_relaxed)) {
		unsigned long count;

		if (timed)
			start = now_in_ns();
		lock(a->lock, self);
		if (timed) {
			uint64_t waited = now_in_ns() - start;

			if (waited > self->worst_ns)
				self->worst_ns = waited;
		}
		a->protected_count++;
		busy(load.section);
		unlock(a->lock, self);
		count = atomic_load_explicit(&self->count, memory_order_relaxed);
		atomic_store_explicit(&self->count, count + 1, memory_order_relaxed);
		busy(load.think);
	}
}

#define LOCK_AT(type) ((type *)(void *)arena->lock)

#define CONTESTANT(id)                                                    \
	TIMED void id##_pairs(struct tally *self, unsigned long count)    \
	{                                                                 \
		pairs(self, count, id##_lock, id##_unlock);               \
	}                                                                 \
	TIMED void id##_turns(struct tally *self, struct load load)       \
	{                                                                 \
		turns(self, load, id##_lock, id##_unlock, false);         \
	}                                                                 \
	TIMED void id##_timed_turns(struct tally *self, struct load load) \
	{                                                                 \
		turns(self, load, id##_lock, id##_unlock, true);          \
	}

#define FUNCTIONS(id)                                                \
	.init = id##_init, .pairs = id##_pairs, .turns = id##_turns, \
	.timed_turns = id##_timed_turns

/* A lock whose functions take its address, and nothing else. */
#define SIMPLE(id, type, lock_it, unlock_it)                   \
	INLINE int id##_lock(void *lock, struct tally *self)   \
	{                                                      \
		(void)self;                                    \
		return lock_it((type *)lock);                  \
	}                                                      \
	INLINE int id##_unlock(void *lock, struct tally *self) \
	{                                                      \
		(void)self;                                    \
		return unlock_it((type *)lock);                \
	}                                                      \
	CONTESTANT(id)

/* Zeroed memory is a free lock for most. */
static void zero_init(void)
{
	memset(arena->lock, 0, sizeof(arena->lock));
}

/* Nothing: the loop itself, and for fairness the scheduler. */
INLINE int nothing(void *lock)
{
	(void)lock;
	__asm__ volatile("" ::: "memory");
	return 0;
}
#define none_init zero_init
SIMPLE(none, void, nothing, nothing)

static void spin_init(void)
{
	pthread_spin_init(LOCK_AT(pthread_spinlock_t), PTHREAD_PROCESS_SHARED);
}
SIMPLE(spin, pthread_spinlock_t, pthread_spin_lock, pthread_spin_unlock)

static void make_mutex(int type, int robust)
{
	pthread_mutexattr_t attributes;

	zero_init();
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutexattr_setrobust(&attributes, robust);
	errno = pthread_mutex_init(LOCK_AT(pthread_mutex_t), &attributes);
	if (errno)
		bench_fail("pthread_mutex_init");
	pthread_mutexattr_destroy(&attributes);
}
static void mutex_init(void)
{
	make_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED);
}
static void adaptive_init(void)
{
	make_mutex(PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_MUTEX_STALLED);
}
static void robust_init(void)
{
	make_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
}
SIMPLE(mutex, pthread_mutex_t, pthread_mutex_lock, pthread_mutex_unlock)

static void semaphore_init(void)
{
	sem_init(LOCK_AT(sem_t), 1, 1);
}
SIMPLE(semaphore, sem_t, sem_wait, sem_post)

/* What a lecture on processes teaches first. */
INLINE int xchg_lock_it(int *lock)
{
	while (__atomic_exchange_n(lock, 1, __ATOMIC_SEQ_CST))
		;
	return 0;
}
INLINE int xchg_unlock_it(int *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_SEQ_CST);
	return 0;
}
#define xchg_init zero_init
SIMPLE(xchg, int, xchg_lock_it, xchg_unlock_it)

/* Free, taken, taken and somebody sleeps: the third one of Drepper's "Futexes Are Tricky". */
static __attribute__((noinline)) int futex_sleep(uint32_t *lock)
{
	while (__atomic_exchange_n(lock, 2, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, lock, FUTEX_WAIT, 2, NULL, NULL, 0);
	return 0;
}
INLINE int futex_lock_it(uint32_t *lock)
{
	uint32_t free_word = 0;

	return __atomic_compare_exchange_n(
		       lock, &free_word, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED) ?
		       0 :
		       futex_sleep(lock);
}
INLINE int futex_unlock_it(uint32_t *lock)
{
	if (__atomic_exchange_n(lock, 0, __ATOMIC_RELEASE) == 2)
		syscall(SYS_futex, lock, FUTEX_WAKE, 1, NULL, NULL, 0);
	return 0;
}
#define futex_init zero_init
SIMPLE(futex, uint32_t, futex_lock_it, futex_unlock_it)

#define ours_init zero_init
SIMPLE(ours, fondue_spinlock_t, fondue_spin_lock, fondue_spin_unlock)

#ifdef HAVE_CK
#define CK(id)                                                          \
	INLINE int id##_lock_it(ck_spinlock_##id##_t *lock)             \
	{                                                               \
		ck_spinlock_##id##_lock(lock);                          \
		return 0;                                               \
	}                                                               \
	INLINE int id##_unlock_it(ck_spinlock_##id##_t *lock)           \
	{                                                               \
		ck_spinlock_##id##_unlock(lock);                        \
		return 0;                                               \
	}                                                               \
	static void id##_init(void)                                     \
	{                                                               \
		ck_spinlock_##id##_init(LOCK_AT(ck_spinlock_##id##_t)); \
	}                                                               \
	SIMPLE(id, ck_spinlock_##id##_t, id##_lock_it, id##_unlock_it)

CK(fas)
CK(cas)
CK(ticket)

_Static_assert(sizeof(ck_spinlock_mcs_context_t) <= sizeof(arena->tallies[0].node), "room");

INLINE int mcs_lock(void *lock, struct tally *self)
{
	ck_spinlock_mcs_lock(lock, (void *)self->node);
	return 0;
}
INLINE int mcs_unlock(void *lock, struct tally *self)
{
	ck_spinlock_mcs_unlock(lock, (void *)self->node);
	return 0;
}
#define mcs_init zero_init
CONTESTANT(mcs)
#endif

static int robust_lock(void)
{
	return pthread_mutex_lock(LOCK_AT(pthread_mutex_t));
}
static int robust_unlock(void)
{
	(void)pthread_mutex_consistent(LOCK_AT(pthread_mutex_t));
	return pthread_mutex_unlock(LOCK_AT(pthread_mutex_t));
}
static int ours_lock_only(void)
{
	return fondue_spin_lock(LOCK_AT(fondue_spinlock_t));
}
static int ours_unlock_only(void)
{
	return fondue_spin_unlock(LOCK_AT(fondue_spinlock_t));
}

/* The three mutexes differ in what init has made of them. */
#define MUTEX(id)                                                      \
	.init = id##_init, .pairs = mutex_pairs, .turns = mutex_turns, \
	.timed_turns = mutex_timed_turns

const struct contestant contestants[] = {
	{ "no lock", KIND_NONE, false, FUNCTIONS(none) },
	{ CONTESTANT_SPIN, KIND_SPINS, false, FUNCTIONS(spin) },
	{ "xchg in a loop", KIND_SPINS, false, FUNCTIONS(xchg) },
#ifdef HAVE_CK
	{ "ck_spinlock_fas_t", KIND_SPINS, false, FUNCTIONS(fas) },
	{ "ck_spinlock_cas_t", KIND_SPINS, false, FUNCTIONS(cas) },
	{ "ck_spinlock_ticket_t", KIND_QUEUES, false, FUNCTIONS(ticket) },
	{ "ck_spinlock_mcs_t", KIND_QUEUES, false, FUNCTIONS(mcs) },
#endif
	{ CONTESTANT_MUTEX, KIND_PARKS, false, MUTEX(mutex) },
	{ "pthread_mutex_t, adaptive", KIND_PARKS, false, MUTEX(adaptive) },
	{ CONTESTANT_ROBUST, KIND_PARKS, true, MUTEX(robust), robust_lock, robust_unlock },
	{ "sem_t", KIND_PARKS, false, FUNCTIONS(semaphore) },
	{ "futex of three states", KIND_PARKS, false, FUNCTIONS(futex) },
	{ CONTESTANT_OURS, KIND_OURS, true, FUNCTIONS(ours), ours_lock_only, ours_unlock_only },
};

const unsigned contestant_count = sizeof(contestants) / sizeof(contestants[0]);

unsigned contestant_named(const char *name)
{
	unsigned i = 0;

	while (strcmp(contestants[i].name, name) != 0)
		i++;
	return i;
}
