/* SPDX-License-Identifier: MIT */
/*
 * order.c - a graph that nobody can tear
 *
 * Processes add to it at once, and are killed at any instruction. So there is no lock, no
 * list, and nothing that takes two steps to be whole. An edge is a bit, set by an atomic or;
 * its place is written first, into a record that nobody else has, and then published by one
 * compare-and-swap of a word which holds pair and record. Whoever is killed before has cost a
 * record. `settled` is the last bit to be set: until then the next one who comes by does it
 * all again.
 *
 * Two who add edges that make a circle together: each sets its bit, then searches. Both are
 * sequentially consistent, so one of them at least finds it; `told` lets one of them say it.
 *
 * Numbers, places and words are found by hashing, with a few steps to the side; what is not
 * found within those steps is full.
 */
#include "order.h"

/*
 * Where to look for a key, from where it hashes to. A table that is half full has room for
 * each; the first to find none comes at 58 to 75 %, as random keys go.
 */
#define PROBES 64

static void set_bit(_Atomic uint64_t *row, unsigned number)
{
	atomic_fetch_or(&row[(number - 1) / 64], 1ULL << (number - 1) % 64);
}

/* Most are clear, in pages that nobody has touched yet: those are only read. */
static bool clear_bit(_Atomic uint64_t *row, unsigned number)
{
	uint64_t bit = 1ULL << (number - 1) % 64;

	return (atomic_load(&row[(number - 1) / 64]) & bit) &&
	       (atomic_fetch_and(&row[(number - 1) / 64], ~bit) & bit);
}

/* Fibonacci hashing; the keys of locks are well mixed, but not those of pairs. */
static unsigned hash(uint64_t key, unsigned bits)
{
	return key * 0x9e3779b97f4a7c15ULL >> (64 - bits);
}

unsigned order_known(struct order *order, uint64_t key)
{
	for (unsigned i = 0; i < PROBES; i++) {
		unsigned at = (hash(key, ORDER_LOCKS_BITS) + i) % ORDER_LOCKS;
		uint64_t there =
			atomic_load_explicit(&order->locks[at].key, memory_order_relaxed);

		if (there == key)
			return at + 1;
		if (!there)
			return 0;
	}
	return 0;
}

/* Return: is the place @key's now? Those of others are only read. */
static bool claim(_Atomic uint64_t *place, uint64_t key)
{
	uint64_t there = atomic_load_explicit(place, memory_order_relaxed);

	return there == key || (!there && atomic_compare_exchange_strong(place, &there, key)) ||
	       there == key;
}

unsigned order_number(struct order *order, uint64_t key, uintptr_t address)
{
	unsigned first = hash(key, ORDER_LOCKS_BITS);

	for (unsigned i = 0; i < PROBES; i++) {
		struct order_lock *lock = &order->locks[(first + i) % ORDER_LOCKS];

		if (!claim(&lock->key, key))
			continue;
		/* whoever claimed it may have been killed before */
		if (!atomic_load_explicit(&lock->address, memory_order_relaxed))
			atomic_store_explicit(&lock->address, address, memory_order_relaxed);
		return lock - order->locks + 1;
	}
	return 0;
}

static uint32_t pair_of(unsigned a, unsigned b)
{
	return a << 16 | b;
}

/*
 * Its word: the pair in the upper half, in the lower the number of its record, from 1, or 0
 * when that is out of date. NULL: there is none; or, for one that is to be made, no room.
 */
static _Atomic uint64_t *find_word(const struct order *order, uint32_t pair, bool or_free)
{
	unsigned first = hash(pair, ORDER_WORDS_BITS);

	for (unsigned i = 0; i < PROBES; i++) {
		const _Atomic uint64_t *word = &order->words[(first + i) % ORDER_WORDS];
		uint64_t there = atomic_load(word);

		if (there >> 32 == pair || (!there && or_free))
			return (_Atomic uint64_t *)word;
		if (!there)
			break;
	}
	return NULL;
}

/* Return: its number, from 1; 0: all are used. */
static uint32_t make_record(struct order *order, const struct order_place *place)
{
	uint32_t number;

	if (atomic_load(&order->places_used) >= ORDER_PLACES)
		return 0;
	number = atomic_fetch_add(&order->places_used, 1);
	if (number >= ORDER_PLACES)
		return 0;
	order->places[number] = *place;
	return number + 1;
}

/* Return: has the pair a place, ours or another's? */
static bool publish(struct order *order, uint32_t pair, uint32_t record)
{
	_Atomic uint64_t *word;

	while ((word = find_word(order, pair, true))) {
		uint64_t there = atomic_load(word);

		if (there >> 32 == pair && (uint32_t)there)
			return true;
		/* else it is free, out of date, or just taken by another pair: look again */
		if ((!there || there >> 32 == pair) &&
			atomic_compare_exchange_strong(
				word, &there, (uint64_t)pair << 32 | record))
			return true;
	}
	return false;
}

static bool has_place(const struct order *order, uint32_t pair)
{
	const _Atomic uint64_t *word = find_word(order, pair, false);

	return word && (uint32_t)atomic_load(word);
}

bool order_add(struct order *order, unsigned a, unsigned b, const struct order_place *place)
{
	uint32_t pair = pair_of(a, b), record;

	if (!has_place(order, pair)) {
		record = make_record(order, place);
		if (!record || !publish(order, pair, record))
			return false;
	}
	set_bit(order->edges[a - 1], b);
	return true;
}

const struct order_place *order_where(const struct order *order, unsigned a, unsigned b)
{
	const _Atomic uint64_t *word = find_word(order, pair_of(a, b), false);
	uint32_t record = word ? (uint32_t)atomic_load(word) : 0;

	return record ? &order->places[record - 1] : NULL;
}

/* Of a way that is too long the beginning and, as the last step, its end. */
static void trace_back(
	const struct order_search *search, unsigned from, unsigned to, struct order_way *ret)
{
	unsigned at = to, i;

	ret->count = 0;
	do {
		ret->count++;
		at = search->before[at - 1];
	} while (at != from);
	ret->locks[ret->count < ORDER_STEPS ? ret->count : ORDER_STEPS] = to;
	at = search->before[to - 1];
	for (i = ret->count - 1; i; i--, at = search->before[at - 1])
		if (i < ORDER_STEPS)
			ret->locks[i] = at;
	ret->locks[0] = from;
}

/* Breadth first: what is found first is the shortest. */
bool order_find(const struct order *order, unsigned from, unsigned to,
	struct order_search *search, struct order_way *ret)
{
	unsigned first = 0, last = 0;

	for (unsigned i = 0; i < ORDER_LOCKS / 64; i++)
		search->seen[i] = 0;
	search->queue[last++] = from;
	while (first < last) {
		unsigned at = search->queue[first++];

		for (unsigned i = 0; i < ORDER_LOCKS / 64; i++) {
			uint64_t fresh = atomic_load(&order->edges[at - 1][i]) & ~search->seen[i];

			search->seen[i] |= fresh;
			for (; fresh; fresh &= fresh - 1) {
				unsigned next = i * 64 + __builtin_ctzll(fresh) + 1;

				search->before[next - 1] = at;
				if (next == to) {
					trace_back(search, from, to, ret);
					return true;
				}
				if (next != from)
					search->queue[last++] = next;
			}
		}
	}
	return false;
}

bool order_may_tell(struct order *order, unsigned a, unsigned b)
{
	unsigned low = a < b ? a : b, high = a < b ? b : a;
	uint64_t bit = 1ULL << (high - 1) % 64;

	return !(atomic_fetch_or(&order->told[low - 1][(high - 1) / 64], bit) & bit);
}

void order_settle(struct order *order, unsigned a, unsigned b)
{
	set_bit(order->settled[a - 1], b);
}

/* The word stays the pair's: a hole among words would hide those behind it. */
static void forget_edge(struct order *order, unsigned a, unsigned b)
{
	_Atomic uint64_t *word;

	if (!clear_bit(order->edges[a - 1], b))
		return;
	word = find_word(order, pair_of(a, b), false);
	if (word)
		atomic_store(word, (uint64_t)pair_of(a, b) << 32);
}

void order_free(struct order *order, unsigned a, unsigned b)
{
	order_settle(order, a, b); /* first: nobody adds it any more */
	order_settle(order, b, a);
	forget_edge(order, a, b);
	forget_edge(order, b, a);
}

/* The edge first: so one that is settled was added, or the pair is free. */
static void forget_pair(struct order *order, unsigned a, unsigned b)
{
	forget_edge(order, a, b);
	(void)clear_bit(order->settled[a - 1], b);
	(void)clear_bit(order->told[a - 1], b);
}

void order_forget(struct order *order, unsigned number)
{
	for (unsigned other = 1; other <= ORDER_LOCKS; other++) {
		if (!atomic_load_explicit(&order->locks[other - 1].key, memory_order_relaxed))
			continue;
		forget_pair(order, number, other);
		forget_pair(order, other, number);
	}
}
