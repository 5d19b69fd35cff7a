/* SPDX-License-Identifier: MIT */
/*
 * wait.h - waiting for a lock; the reasons are in spinlock.c
 */
#pragma once

#include "seen.h"

/* Without waiting. Return: 0, EOWNERDEAD, or EBUSY. */
int wait_try(struct waiter *w);

/* For as long as that is cheaper than falling asleep. Return: as wait_try(). */
int wait_awake(struct waiter *w);

/*
 * wait_briefly() - the same, without being a waiter yet
 *
 * For a thread that is idle: so it is no longer on its way to the critical section, nor out
 * of it, than it must. Return: has it got the lock? *ret_spun: it has spun.
 */
bool wait_briefly(struct identity *me, fondue_spinlock_t *lock, bool *ret_spun);

/* As long as it takes, or until @deadline (ns, CLOCK_MONOTONIC): ETIMEDOUT. */
int wait_for(struct waiter *w, uint64_t deadline);
