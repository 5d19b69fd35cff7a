/* SPDX-License-Identifier: MIT */
/*
 * order.h - which lock was held when which other was taken: a graph in memory of the family
 *
 * Locks are numbered, from 1, as they come; an edge a -> b says that somebody who held a has
 * taken b. A way from b back to a is an inversion: on a bad day each of those who go it
 * holds what the next one wants. All functions here are plain: the graph is given to them,
 * and what they find they return.
 */
#pragma once

#include "layout.h"

/* Edges of a way back that are told. */
#define ORDER_STEPS 8

struct order_way {
	unsigned count;			   /* of edges, those beyond ORDER_STEPS included */
	uint16_t locks[ORDER_STEPS + 1];   /* along the way; the last is where it ends */
};

/* Scratch memory of a search: too large for a small stack. */
struct order_search {
	uint64_t seen[ORDER_LOCKS / 64];
	uint16_t before[ORDER_LOCKS], queue[ORDER_LOCKS];
};

/*
 * order_number() - the number of the lock that @key stands for
 * @key: not 0, different for each lock
 * @address: under which it is told of
 *
 * Return: 0: there is no room for it.
 */
unsigned order_number(struct order *order, uint64_t key, uintptr_t address);

/* As order_number(), but 0 for one that has none yet. */
unsigned order_known(struct order *order, uint64_t key);

static inline uintptr_t order_address(const struct order *order, unsigned number)
{
	return atomic_load_explicit(&order->locks[number - 1].address, memory_order_relaxed);
}

/* Has all been done that there is to be done about a -> b? */
static inline bool order_is_settled(const struct order *order, unsigned a, unsigned b)
{
	const _Atomic uint64_t *word = &order->settled[a - 1][(b - 1) / 64];

	/* relaxed: at worst it is done once more */
	return atomic_load_explicit(word, memory_order_relaxed) >> (b - 1) % 64 & 1;
}

/*
 * order_add() - a -> b, which is not settled
 * @place: where; kept if it is the first
 *
 * May come again, and by several at once: a thread may be killed before it has settled it.
 * Return: false: there is no room, and it is not added.
 */
bool order_add(struct order *order, unsigned a, unsigned b, const struct order_place *place);

/* The shortest way from @from to @to. Return: is there any? */
bool order_find(const struct order *order, unsigned from, unsigned to,
	struct order_search *search, struct order_way *ret);

/* Where an edge was first seen. Return: NULL: it was forgotten meanwhile. */
const struct order_place *order_where(const struct order *order, unsigned a, unsigned b);

/* Return: true to the one who is to tell of the two, in whatever order. */
bool order_may_tell(struct order *order, unsigned a, unsigned b);

void order_settle(struct order *order, unsigned a, unsigned b);

/* In both orders the two are as they should be. */
void order_free(struct order *order, unsigned a, unsigned b);

/* What is known of a lock that is another one now. Nobody uses it meanwhile. */
void order_forget(struct order *order, unsigned number);
