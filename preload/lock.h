/* SPDX-License-Identifier: MIT */
/*
 * lock.h - mutual exclusion between the threads of this process, for the runtime's own use
 *
 * Not pthread_mutex_t: that is a sanitizer's in an instrumented program, and not ready when
 * our constructor runs. The whole state is one word, so that there is no instant at which
 * a signal handler finds a lock half taken: 0 is free, otherwise it is the address of a
 * thread-local variable of the holder, with bit 0 set if somebody may be waiting. Zeroed
 * memory is a free lock. A forked child has its parent's addresses: what the forking
 * thread held, the child's only thread holds and can release.
 *
 * Waiting is Drepper's, "Futexes Are Tricky", mutex take 2: whoever has slept must assume
 * that others still do. The futex is the half of the word in which bit 0 lies.
 */
#pragma once

#include <stdatomic.h>

#include "base.h"

/* <linux/futex.h>, which musl's compiler does not find */
#define FUTEX_WAIT_PRIVATE (0 | 128)
#define FUTEX_WAKE_PRIVATE (1 | 128)

#define LOCK_WAITED_FOR 1UL

struct lock {
	_Atomic uintptr_t word;
};

/* One for each file that includes this, at different addresses: a lock belongs to one file. */
static __thread uint32_t lock_self __attribute__((tls_model("initial-exec")));

static inline uintptr_t lock_self_word(void)
{
	return (uintptr_t)&lock_self;
}

static inline uint32_t *lock_futex(struct lock *lock)
{
	return (uint32_t *)&lock->word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

/* Does this thread hold the lock? Async-signal-safe, and the answer stays true. */
static inline bool lock_is_mine(struct lock *lock)
{
	/* relaxed: only this thread can make it true or false */
	return (atomic_load_explicit(&lock->word, memory_order_relaxed) & ~LOCK_WAITED_FOR) ==
	       lock_self_word();
}

/* Try once; on failure @ret_seen is what was there. */
static inline bool lock_try(struct lock *lock, uintptr_t word, uintptr_t *ret_seen)
{
	*ret_seen = 0;
	/* acquire: what the last holder wrote; pairs with the release in lock_release() */
	return atomic_compare_exchange_strong_explicit(
		&lock->word, ret_seen, word, memory_order_acquire, memory_order_relaxed);
}

static inline void lock_take(struct lock *lock)
{
	uintptr_t seen, mine = lock_self_word();

	if (lock_try(lock, mine, &seen))
		return;
	do {
		uintptr_t waited = seen | LOCK_WAITED_FOR;

		/* relaxed: announces us to the holder, and orders nothing */
		if (seen == waited ||
			atomic_compare_exchange_strong_explicit(&lock->word, &seen, waited,
				memory_order_relaxed, memory_order_relaxed))
			(void)sys_call(SYS_futex, lock_futex(lock), FUTEX_WAIT_PRIVATE,
				(uint32_t)waited, NULL, NULL, 0);
	} while (!lock_try(lock, mine | LOCK_WAITED_FOR, &seen));
}

static inline void lock_release(struct lock *lock)
{
	/* release: the protected data before the word; pairs with the acquire in lock_try() */
	if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) & LOCK_WAITED_FOR)
		(void)sys_call(SYS_futex, lock_futex(lock), FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
