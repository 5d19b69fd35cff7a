/* SPDX-License-Identifier: MIT */
/*
 * wake.h - releasing a lock that somebody sleeps on; the reasons are in spinlock.c
 */
#pragma once

#include "identity.h"
#include "lockword.h"

enum due {
	DUE_NOTHING,
	DUE_RESERVE, /* the turn is over: the next release reserves the lock for a sleeper */
	DUE_QUICK,   /* a woken waiter asks for the same, and the turn goes on */
};

/* How long a turn lasts while somebody sleeps, ns. At 32 processes on 2 processors: 1 ms
 * makes the longest wait 35 ms, 0.7 ms makes it 27 at equal throughput, 0.5 gains nothing. */
#define TURN_NS 700000

struct turn *turn_of(const fondue_spinlock_t *lock);

/*
 * Release it, which the caller holds: the store; what is to be done after it. The caller's
 * slot is not named any more in between. Return: *ret_reserved, for the second.
 */
void wake_store(struct identity *me, fondue_spinlock_t *lock, bool *ret_reserved);
void wake_after_store(struct identity *me, fondue_spinlock_t *lock, bool reserved);

/* Woken, and going away without the lock: let another have the wake. Under identity_owe(). */
void wake_pass_on(fondue_spinlock_t *lock);
