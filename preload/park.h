/* SPDX-License-Identifier: MIT */
/*
 * park.h - sleeping until a lock is released or its owner dies, and waking
 */
#pragma once

#include "layout.h"

uint64_t now_ns(void); /* CLOCK_MONOTONIC, as the program has it */

/*
 * park_time() - when it is @at by now_ns(), for the kernel to sleep until then
 *
 * The two clocks are one, unless another preload tells the program a time of its own, as
 * libfaketime does: then the kernel would sleep for years.
 */
struct timespec park_time(uint64_t at);

/* How a sleep ended. */
enum awake {
	AWAKE_CUT,   /* by a signal, or to look: nothing has changed until then */
	AWAKE_AGAIN, /* something changed before we slept: look again */
	AWAKE_WOKEN, /* by a FUTEX_WAKE on &lock->wait, meant for us */
	AWAKE_DEATH, /* the owner died; a wake on the lock may have come as well */
	AWAKE_LATE,  /* @until */
};

/*
 * park() - sleep as long as lock->wait is @wait and the thread of slot @owner lives
 * @owner: 0: nobody's life is watched
 * @until: ns, CLOCK_MONOTONIC
 */
enum awake park(fondue_spinlock_t *lock, uint32_t wait, uint32_t owner, uint64_t until);

/* Wake at most @count sleepers of the lock. Return: how many. */
long unpark(fondue_spinlock_t *lock, int count);

/*
 * A barrier in every running thread of the family. park_has_barrier(): may it be had? Asks
 * the kernel once in a family; to be asked again in each process that is to take part.
 */
bool park_has_barrier(void);
/* Return: false: a sandbox refuses it now, and there was none. */
bool park_barrier(void);
