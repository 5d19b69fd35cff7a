/* SPDX-License-Identifier: MIT */
/*
 * lockword.h - the bits of a lock
 *
 *	word   0		free
 *	       slot 0, rest	RESERVED: free, but only for a waiter that was woken from sleep
 *	       slot, number	held by the thread of that slot (bits 0-15). Of an acquisition
 *				by the fast path the number (bits 17-31) is the slot's
 *				incarnation; the runtime's have bit 16 set, and count. As long
 *				as SLEEP is up the fast path takes nothing: so whoever sleeps
 *				can tell one acquisition from the next.
 *	wait   bit 31 SLEEP	somebody may sleep on &wait: every release must look
 *	       bit 30 FLIGHT	somebody was woken and has not landed yet: neither got the
 *				lock nor gone back to sleep
 *	       bits 0-29	0: to the kernel `wait` is a robust futex that nobody owns, so
 *				that a thread in whose list_op_pending it stands is replaced,
 *				should it die, by waking the next sleeper
 */
#pragma once

#include "layout.h"

#define WAIT_SLEEP  0x80000000U
#define WAIT_FLIGHT 0x40000000U

#define WORD_SLOT    0x0000ffffU
#define WORD_RUNTIME 0x00010000U
#define WORD_STEP    0x00020000U

/* In a RESERVED word; see spinlock.c. */
#define RESERVED_PAIR  0x10000000U /* the first who goes to sleep wakes his replacement ... */
#define RESERVED_TWO   0x20000000U /* ... and has: two are in flight, the second ends it */
#define RESERVED_QUICK 0x40000000U /* asked for by a woken waiter: the turn goes on */
#define RESERVED_COUNT 0x0fff0000U /* never 0: tells reservations apart */

static inline uint32_t word_slot(uint32_t word)
{
	return word & WORD_SLOT;
}

static inline bool word_is_reserved(uint32_t word)
{
	return word && !word_slot(word);
}

static inline uint32_t lock_word(const fondue_spinlock_t *lock)
{
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED);
}

static inline uint32_t lock_wait(const fondue_spinlock_t *lock)
{
	return __atomic_load_n(&lock->wait, __ATOMIC_RELAXED);
}

/* Full barriers all: what they are paired with is told in spinlock.c. */
static inline bool lock_word_cas(fondue_spinlock_t *lock, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(
		&lock->word, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static inline bool lock_wait_cas(fondue_spinlock_t *lock, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(
		&lock->wait, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* What a processor is told while it spins. */
static inline void pause_once(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb"); /* yield does nothing on most; isb takes as long as a pause */
#else
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
#endif
}
