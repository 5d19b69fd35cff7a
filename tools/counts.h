/* SPDX-License-Identifier: MIT */
/*
 * counts.h - how often a lock of a running family was acquired
 */
#pragma once

#include "locks.h"

/*
 * counts_find() - what the family has counted of @lock
 *
 * It counts only where its locks are audited (FONDUE_LOCKORDER, FONDUE_HOLD_CHECK). Locks in
 * private memory are known to their process alone. Return: is it known?
 */
bool counts_find(const struct family *family, const struct lock *lock,
	uint64_t *ret_acquisitions, uint64_t *ret_contended);
