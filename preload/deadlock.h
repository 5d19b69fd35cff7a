/* SPDX-License-Identifier: MIT */
/*
 * deadlock.h - threads that wait for one another in a circle
 */
#pragma once

#include "layout.h"

/* Longer ones are not found: room on the stack, and nobody has seen one. */
#define CYCLE_MAX 48

struct cycle {
	unsigned count;
	uint32_t members[CYCLE_MAX]; /* slots: each wants what the next holds; the last, the first */
	uint32_t latest;	     /* of them, who has closed it */
};

/*
 * deadlock_find() - is the thread of slot @number, which waits, part of a cycle?
 *
 * Of threads: a lock's owner that sleeps elsewhere, in a pipe say, ends a chain. Return: only
 * what is certain; a longer cycle than CYCLE_MAX is not found.
 */
bool deadlock_find(uint32_t number, struct cycle *ret_cycle);
