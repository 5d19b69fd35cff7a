/* SPDX-License-Identifier: MIT */
/*
 * overdue.h - locks held too long while nobody waited, told by who releases them
 */
#pragma once

#include "base.h"

/* In a process whose locks are audited. */
void overdue_start(void);

/*
 * Has it been held longer than @limit, whatever a clock that moves in steps of @grain hides?
 * All in ns; @since 0: it is not known since when.
 */
static inline bool overdue_is(uint64_t since, uint64_t now, uint64_t limit, uint64_t grain)
{
	return since && now > since && now - since > limit + grain;
}

/* Is the @count-th time, from 1, to be told? The first, the second, the fourth, the eighth. */
static inline bool overdue_is_told(uint32_t count)
{
	return count && !(count & (count - 1));
}
