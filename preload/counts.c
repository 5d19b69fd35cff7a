/* SPDX-License-Identifier: MIT */
/*
 * counts.c - a table that is only added to
 *
 * Found by key, which is well mixed: its upper bits say where to look. A place is claimed by
 * compare-and-swap and never given back; what finds none near where it belongs is not counted.
 */
#include "counts.h"

static void add(_Atomic uint64_t *number)
{
	atomic_fetch_add_explicit(number, 1, memory_order_relaxed);
}

void counts_add(struct count *counts, uint64_t key, bool contended)
{
	for (unsigned i = 0; i < COUNTS_PROBES; i++) {
		struct count *count = &counts[counts_place(key, i)];
		uint64_t there = atomic_load_explicit(&count->key, memory_order_relaxed);

		if (!there && atomic_compare_exchange_strong(&count->key, &there, key))
			there = key;
		if (there != key)
			continue;
		add(&count->acquisitions);
		if (contended)
			add(&count->contended);
		return;
	}
}
