/* SPDX-License-Identifier: MIT */
/*
 * instance.h - which lock is it, for all processes that may use it?
 */
#pragma once

#include "layout.h"

/* Spreads all bits of @x over all bits. */
static inline uint64_t instance_mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/*
 * The key of what lies in shared memory: never 0.
 * @device: major number in the upper 32 bits, minor in the lower, as /proc/PID/maps has them
 * @offset: of the lock itself
 */
static inline uint64_t instance_shared(uint64_t device, uint64_t inode, uint64_t offset)
{
	uint64_t key = instance_mix(instance_mix(instance_mix(device) + inode) + offset);

	return key ? key : 1;
}

/*
 * At start, where locks are audited.
 * @processes: counts, in memory of the family, those that have locks in private memory
 *
 * Return: false: there is no memory for it.
 */
bool instance_start(_Atomic uint32_t *processes);

/* The key of @lock, an address in this process; after instance_start(). Never 0. */
uint64_t instance_key(uintptr_t lock);
