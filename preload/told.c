/* SPDX-License-Identifier: MIT */
/*
 * told.c - one report for all who wait
 *
 * A hundred threads see the same lock held for too long at the same moment, and one of them
 * is to say so; again after twice, four times, eight times as long. Who does is settled in
 * a record that is found by the word,
 *
 *	told	word of the acquisition (32 bits), so often reported (16), by whom now (16)
 *
 * by compare-and-swap. A reporter that dies in the middle is replaced, for its slot says so;
 * one that is stopped or hangs is replaced after a while.
 */
#include "told.h"
#include "registry.h"

/* Who is at it may have died: look again so often, ns. */
#define REPORT_NS 20000000
/* A report takes milliseconds, the slowest of log readers included; this is no report, ms. */
#define HANGS_MS 2000
/* Doublings of the limit between reports; 2^16 of 10 ms are eleven minutes. */
#define DOUBLINGS 16

static uint64_t due_at(const struct lasting *lasting, unsigned count)
{
	unsigned doublings = count < DOUBLINGS ? count : DOUBLINGS;

	return lasting->since + (lasting->limit_ns << doublings) * (count - doublings + 1);
}

/*
 * By hash of the word, which is different for each that lasts; not of the address, which is the
 * same for the private locks of all children.
 */
static struct turn *record(uint32_t word)
{
	static struct turn nobodys;

	return registry ? &registry->turns[(word * 0x9e3779b1u) >> 24] : &nobodys;
}

static uint32_t in_ms(uint64_t ns)
{
	return (uint32_t)(ns / 1000000);
}

static bool is_at_it(uint32_t reporter, uint32_t number, const struct turn *turn, uint64_t now)
{
	uint32_t at = atomic_load_explicit(&turn->told_at, memory_order_relaxed);

	return reporter && reporter != number && !registry_is_dead(reporter) &&
	       in_ms(now) - at < HANGS_MS;
}

uint64_t told_claim(
	const struct lasting *lasting, uint32_t number, uint64_t now, unsigned *ret_count)
{
	struct turn *turn = record(lasting->word);
	uint64_t told = atomic_load(&turn->told), mine;
	uint32_t reporter, count;

	do {
		bool same = told >> 32 == lasting->word;

		count = same ? told >> 16 & 0xffff : 0;
		reporter = same ? told & 0xffff : 0;
		if (is_at_it(reporter, number, turn, now))
			return now + REPORT_NS;
		if (!reporter && count && now < due_at(lasting, count))
			return due_at(lasting, count);
		/* before the claim: with an older time it would be taken away at once */
		atomic_store_explicit(&turn->told_at, in_ms(now), memory_order_relaxed);
		mine = (uint64_t)lasting->word << 32 | count << 16 | number;
	} while (!atomic_compare_exchange_weak(&turn->told, &told, mine));
	*ret_count = count;
	return 0;
}

/* Stopped for an hour it is one report late, not twelve. */
static unsigned next_count(const struct lasting *lasting, uint64_t now, unsigned count)
{
	do
		count += count < 0xffff;
	while (count < 0xffff && due_at(lasting, count) <= now);
	return count;
}

uint64_t told_next(const struct lasting *lasting, uint64_t now, unsigned count)
{
	return due_at(lasting, next_count(lasting, now, count));
}

uint64_t told_done(const struct lasting *lasting, uint32_t number, uint64_t now, unsigned count)
{
	uint64_t mine = (uint64_t)lasting->word << 32 | count << 16 | number;
	uint64_t next;

	count = next_count(lasting, now, count);
	next = (uint64_t)lasting->word << 32 | count << 16;
	(void)atomic_compare_exchange_strong(&record(lasting->word)->told, &mine, next);
	return due_at(lasting, count);
}

void told_keep_since(uint32_t word, uint64_t since)
{
	atomic_store(&record(word)->told_since, since);
}

bool told_take(uint32_t word, uint64_t *ret_since)
{
	struct turn *turn = record(word);
	uint64_t told = atomic_load(&turn->told);

	if (told >> 32 != word || !(told >> 16 & 0xffff))
		return false;
	*ret_since = atomic_load_explicit(&turn->told_since, memory_order_relaxed);
	/* the first who sees it says it */
	return atomic_compare_exchange_strong(&turn->told, &told, 0);
}

bool told_is(uint32_t word)
{
	return atomic_load(&record(word)->told) >> 32 == word;
}

void told_forget(uint32_t word)
{
	struct turn *turn = record(word);
	uint64_t told = atomic_load(&turn->told);

	if (told >> 32 == word)
		(void)atomic_compare_exchange_strong(&turn->told, &told, 0);
}
