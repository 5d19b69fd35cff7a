/* SPDX-License-Identifier: MIT */
/*
 * limit.c - a small table, by address, for the few locks that are special
 *
 * A lock of eight bytes has no room for it. Entries are claimed by compare-and-swap on the
 * address and never given back, so that a process that is killed in between leaves nothing
 * half done: an address without a limit counts as none. Looked at by those who are about to
 * sleep, not by those who take a lock.
 */
#include "limit.h"
#include "registry.h"

static uint64_t default_ns;

void limit_set_default(uint64_t ns)
{
	default_ns = ns;
}

uint64_t limit_default(void)
{
	return default_ns;
}

static unsigned first_place(uintptr_t lock)
{
	return (uint32_t)(lock >> 3) * 0x9e3779b1u >> 24;
}

_Static_assert(LIMITS == 256, "first_place() gives 8 bits");

/* The place of @lock; where it is none, one that is free, if @claim; or NULL. */
static struct limit *find(uintptr_t lock, bool claim)
{
	for (unsigned i = 0; i < LIMITS; i++) {
		struct limit *limit = &registry->limits[(first_place(lock) + i) % LIMITS];
		uintptr_t there = atomic_load_explicit(&limit->lock, memory_order_relaxed);

		if (!there && claim &&
			atomic_compare_exchange_strong(&limit->lock, &there, lock))
			return limit;
		if (there == lock)
			return limit;
		if (!there)
			return NULL;
	}
	return NULL;
}

int limit_set(const fondue_spinlock_t *lock, uint32_t ms)
{
	struct limit *limit;

	if (!registry)
		return ENOSYS;
	limit = find((uintptr_t)lock, true);
	if (!limit)
		return ENOMEM;
	/* + 1: 0 is what a place has that was just claimed */
	atomic_store_explicit(
		&limit->ms, ms == LIMIT_NONE ? 0 : (uint64_t)ms + 1, memory_order_relaxed);
	atomic_store_explicit(&registry->has_limits, 1, memory_order_relaxed);
	return 0;
}

uint64_t limit_of(const fondue_spinlock_t *lock)
{
	const struct limit *limit = NULL;
	uint64_t ms = 0;

	if (registry && atomic_load_explicit(&registry->has_limits, memory_order_relaxed))
		limit = find((uintptr_t)lock, false);
	if (limit)
		ms = atomic_load_explicit(&limit->ms, memory_order_relaxed);
	return ms ? (ms - 1) * 1000000 : default_ns;
}
