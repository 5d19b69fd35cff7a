/* SPDX-License-Identifier: MIT */
/*
 * lock.h - mutual exclusion between the threads of this process, for the runtime's own use
 *
 * Not pthread_mutex_t: that is a sanitizer's in an instrumented program, and not ready when
 * our constructor runs. Three states, after Drepper, "Futexes Are Tricky" (mutex, take 2):
 * 0 free, 1 held, 2 held and perhaps waited for. Zeroed memory is a free lock. May be
 * held across a fork and released in both processes, since it knows no owner.
 */
#pragma once

#include <stdatomic.h>

#include "base.h"

/* <linux/futex.h>, which musl's compiler does not find */
#define FUTEX_WAIT_PRIVATE (0 | 128)
#define FUTEX_WAKE_PRIVATE (1 | 128)

struct lock {
	_Atomic uint32_t word;
};

static inline void lock_take(struct lock *lock)
{
	uint32_t seen = 0;

	/* acquire: what the last holder wrote; pairs with the release in lock_release() */
	if (atomic_compare_exchange_strong_explicit(
		    &lock->word, &seen, 1, memory_order_acquire, memory_order_relaxed))
		return;
	/* whoever has waited must assume that others still do, hence 2 and not 1 */
	while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire) != 0)
		(void)sys_call(SYS_futex, &lock->word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static inline void lock_release(struct lock *lock)
{
	/* release: what was written under the lock; pairs with both acquires above */
	if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
		(void)sys_call(SYS_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
