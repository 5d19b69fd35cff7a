/* SPDX-License-Identifier: MIT */
/*
 * counts.h - how often a lock is acquired, in memory of the family
 */
#pragma once

#include "layout.h"

/* Where to look for a key, from where it hashes to. */
#define COUNTS_PROBES 32

static inline unsigned counts_place(uint64_t key, unsigned probe)
{
	return ((unsigned)(key >> (64 - COUNTS_BITS)) + probe) % COUNTS;
}

/* It has been acquired once more. */
void counts_add(struct count *counts, uint64_t key, bool contended);
