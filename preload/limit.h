/* SPDX-License-Identifier: MIT */
/*
 * limit.h - for how long which lock may be held before it is reported
 */
#pragma once

#include "layout.h"

/* For all locks that have no limit of their own. ns; 0: never reported. */
void limit_set_default(uint64_t ns);
uint64_t limit_default(void);

/*
 * limit_set() - a limit for @lock alone, in the whole family
 * @ms: 0: it is never reported; LIMIT_NONE: the limit of all again
 *
 * Return: 0; ENOMEM when LIMITS locks have one; ENOSYS without a registry.
 */
#define LIMIT_NONE UINT32_MAX
int limit_set(const fondue_spinlock_t *lock, uint32_t ms);

/* ns; 0: @lock is never reported. */
uint64_t limit_of(const fondue_spinlock_t *lock);
