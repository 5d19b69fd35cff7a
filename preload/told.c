/* SPDX-License-Identifier: MIT */
/*
 * told.c - one report for all who wait
 *
 * A hundred threads see the same lock held for too long at the same moment, and one of them
 * is to say so; again after twice, four times, eight times as long. Who does is settled in
 * a record of the acquisition,
 *
 *	state	mark of lock and word (32 bits), flags and so often reported (16), by whom now (16)
 *
 * by compare-and-swap. A reporter that dies in the middle is replaced, for its slot says so;
 * one that is stopped or hangs is replaced after a while. The record outlives those who wait
 * for too short a time to report anything, each of whom leaves in it what it has seen; it
 * ends with the acquisition, which its owner says as it releases the lock.
 *
 * A record is found by a hash of lock and word and lies at one place only, so that two who
 * look for it cannot make two of it. Should another acquisition that lasts lie there, this
 * one is told when that is over: late, and not twice.
 */
#include "told.h"
#include "park.h"
#include "registry.h"

/* Who is at it may have died: look again so often, ns. */
#define REPORT_NS 20000000
/* A report takes milliseconds, the slowest of log readers included; this is no report, ms. */
#define HANGS_MS 2000
/* Doublings of the limit between reports; 2^16 of 10 ms are eleven minutes. */
#define DOUBLINGS 16

#define MARK_SHIFT  32
#define ENDED	    0x80000000U /* it has been released; only its end may still be to be said */
#define LEFT	    0x40000000U /* `since` is what somebody has left who waits no more */
#define FLAGS	    (ENDED | LEFT)
#define COUNT_SHIFT 16
#define COUNT_MAX   0x3fffU
#define REPORTER    0xffffU

struct place {
	struct told *told;
	uint64_t mark; /* in its bits of a state */
};

/* Sebastiano Vigna's splitmix64: each bit of the result depends on all of the key. */
static uint64_t mix(uint64_t key)
{
	key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9ULL;
	key = (key ^ key >> 27) * 0x94d049bb133111ebULL;
	return key ^ key >> 31;
}

/* The word as well: private locks of all children have one address. */
static struct place place_of(uintptr_t lock, uint32_t word)
{
	static struct told nobodys;
	uint64_t hash = mix(lock ^ (uint64_t)word << MARK_SHIFT);

	return (struct place){
		.told = registry ? &registry->tolds[hash >> (64 - TOLDS_BITS)] : &nobodys,
		.mark = (hash | 1) << MARK_SHIFT, /* never 0 */
	};
}

static bool is_marked(struct place place, uint64_t state)
{
	return (state ^ place.mark) >> MARK_SHIFT == 0;
}

static bool lasts(struct place place, uint64_t state)
{
	return is_marked(place, state) && !(state & ENDED);
}

static unsigned count_of(uint64_t state)
{
	return state >> COUNT_SHIFT & COUNT_MAX;
}

static uint64_t load(struct place place)
{
	/* acquire: what was stored before the state; pairs with swap() */
	return atomic_load_explicit(&place.told->state, memory_order_acquire);
}

static bool swap(struct place place, uint64_t *state, uint64_t next)
{
	return atomic_compare_exchange_strong(&place.told->state, state, next);
}

/* Releases look here from now on: of those before, who waits sees the word. */
static void begin_to_use(void)
{
	if (!registry || atomic_load_explicit(&registry->has_told, memory_order_relaxed))
		return;
	atomic_store(&registry->has_told, 1);
	(void)park_barrier();
}

static bool is_in_use(void)
{
	return registry && atomic_load_explicit(&registry->has_told, memory_order_relaxed);
}

static uint64_t due_at(const struct lasting *lasting, unsigned count)
{
	unsigned doublings = count < DOUBLINGS ? count : DOUBLINGS;

	return lasting->since + (lasting->limit_ns << doublings) * (count - doublings + 1);
}

static uint32_t in_ms(uint64_t ns)
{
	return (uint32_t)(ns / 1000000);
}

static bool is_at_it(struct place place, uint64_t state, uint64_t now)
{
	uint32_t at = atomic_load_explicit(&place.told->at, memory_order_relaxed);
	uint32_t reporter = state & REPORTER;

	/* signed: it may have begun after @now, which is when the lock was looked at */
	return reporter && !registry_is_dead(reporter) && (int32_t)(in_ms(now) - at) < HANGS_MS;
}

/* Somebody waits at the lock of the record: then it may last. */
static bool is_waited_for(struct place place)
{
	uintptr_t lock = atomic_load_explicit(&place.told->lock, memory_order_relaxed);
	uint32_t used = atomic_load_explicit(&registry->used, memory_order_relaxed);

	for (uint32_t i = SLOT_FIRST; i < used; i++)
		if (atomic_load_explicit(&registry->slots[i].wants, memory_order_relaxed) ==
				lock &&
			!registry_is_dead(i))
			return true;
	return false;
}

/* The record is another acquisition's, which may last. */
static bool is_others(struct place place, uint64_t state, uint64_t now)
{
	return registry && state && !is_marked(place, state) && !(state & ENDED) &&
	       (is_at_it(place, state, now) || is_waited_for(place));
}

/*
 * It has been released, which who wants to report it has not seen. But it may be an earlier one
 * of the same word, whose end nobody is left to say: that was reported before this one began.
 */
static bool is_over(struct place place, uint64_t state, const struct lasting *lasting)
{
	uint32_t at = atomic_load_explicit(&place.told->at, memory_order_relaxed);

	return is_marked(place, state) && (state & ENDED) &&
	       (int32_t)(at - in_ms(lasting->since)) >= 0;
}

/* With what others have seen of it: since when it lasts is not to depend on who reports. */
static struct lasting with_record(struct place place, uint64_t state, const struct lasting *seen)
{
	struct lasting lasting = *seen;
	uint64_t since = atomic_load_explicit(&place.told->since, memory_order_relaxed);

	if (lasts(place, state) && (state & LEFT || count_of(state)) && since < lasting.since)
		lasting.since = since;
	return lasting;
}

uint64_t told_claim(
	const struct lasting *seen, uint32_t number, uint64_t now, unsigned *ret_count)
{
	struct place place = place_of(seen->lock, seen->word);
	uint64_t state = load(place), mine;
	unsigned count;

	begin_to_use();
	do {
		bool is_known = lasts(place, state);
		bool is_mine = is_known && (state & REPORTER) == number;
		struct lasting lasting = with_record(place, state, seen);

		count = is_known ? count_of(state) : 0;
		if (is_known ? !is_mine && is_at_it(place, state, now) :
			       is_over(place, state, seen) || is_others(place, state, now))
			return now + REPORT_NS;
		if (!(state & REPORTER) && count && now < due_at(&lasting, count))
			return due_at(&lasting, count);
		/* before the claim: with an older time it would be taken away at once */
		atomic_store_explicit(&place.told->at, in_ms(now), memory_order_relaxed);
		atomic_store_explicit(&place.told->lock, seen->lock, memory_order_relaxed);
		mine = place.mark | (is_known ? state & LEFT : 0) | count << COUNT_SHIFT | number;
	} while (!swap(place, &state, mine));
	*ret_count = count;
	return 0;
}

void told_withdraw(const struct lasting *lasting, uint32_t number, unsigned count)
{
	struct place place = place_of(lasting->lock, lasting->word);
	uint64_t mine = place.mark | count << COUNT_SHIFT | number, state = load(place);

	/* of what was never reported there is no end to be said */
	while ((state & ~(uint64_t)FLAGS) == mine &&
		!swap(place, &state, count ? state & ~(uint64_t)REPORTER : 0))
		;
}

/* Stopped for an hour it is one report late, not twelve. */
static unsigned next_count(const struct lasting *lasting, uint64_t now, unsigned count)
{
	do
		count += count < COUNT_MAX;
	while (count < COUNT_MAX && due_at(lasting, count) <= now);
	return count;
}

uint64_t told_next(const struct lasting *lasting, uint64_t now, unsigned count)
{
	return due_at(lasting, next_count(lasting, now, count));
}

/* Unless somebody has replaced us meanwhile. As it was reported: by the record's time. */
uint64_t told_done(const struct lasting *seen, uint32_t number, uint64_t now, unsigned count)
{
	struct place place = place_of(seen->lock, seen->word);
	uint64_t mine = place.mark | count << COUNT_SHIFT | number, state = load(place);
	struct lasting lasting = *seen;
	uint64_t since = atomic_load_explicit(&place.told->since, memory_order_relaxed);

	if ((state & ~(uint64_t)FLAGS) == mine && since < lasting.since)
		lasting.since = since;
	count = next_count(&lasting, now, count);
	while ((state & ~(uint64_t)FLAGS) == mine &&
		!swap(place, &state, place.mark | (state & FLAGS) | count << COUNT_SHIFT))
		;
	return is_marked(place, state) && state & ENDED ? 0 : due_at(&lasting, count);
}

void told_keep_since(uintptr_t lock, uint32_t word, uint64_t since)
{
	atomic_store(&place_of(lock, word).told->since, since);
}

bool told_take(uintptr_t lock, uint32_t word, uint64_t *ret_since)
{
	struct place place = place_of(lock, word);
	uint64_t state = load(place);

	if (!is_marked(place, state) || !count_of(state))
		return false;
	*ret_since = atomic_load_explicit(&place.told->since, memory_order_relaxed);
	/* the first who sees it says it */
	return swap(place, &state, 0);
}

bool told_is(uintptr_t lock, uint32_t word)
{
	struct place place = place_of(lock, word);
	uint64_t state = load(place);

	return is_marked(place, state) && (state & REPORTER || count_of(state));
}

bool told_lasts(uintptr_t lock, uint32_t word)
{
	struct place place = place_of(lock, word);

	return lasts(place, load(place));
}

void told_forget(uintptr_t lock, uint32_t word)
{
	struct place place = place_of(lock, word);
	uint64_t state;

	if (!is_in_use())
		return;
	state = load(place);
	while (is_marked(place, state) && !swap(place, &state, 0))
		;
}

/* The earliest, or nearly: of two who leave at once one may have the last word. */
static void leave_since(struct place place, const struct lasting *lasting, bool is_known)
{
	if (is_known && atomic_load(&place.told->since) <= lasting->since)
		return;
	atomic_store(&place.told->since, lasting->since);
	atomic_store(&place.told->lock, lasting->lock);
}

void told_leave(const struct lasting *lasting, uint64_t now)
{
	struct place place = place_of(lasting->lock, lasting->word);
	uint64_t state = load(place);
	bool is_known;

	begin_to_use();
	do {
		is_known = lasts(place, state);
		/* over, and its end still to be said: nothing is to be left, nor that to be lost */
		if (!is_known && (is_marked(place, state) || is_others(place, state, now)))
			return;
		leave_since(place, lasting, is_known && state & (LEFT | COUNT_MAX << COUNT_SHIFT));
	} while (!swap(place, &state, (is_known ? state : place.mark) | LEFT));
}

void told_take_back(uintptr_t lock, uint32_t word)
{
	struct place place = place_of(lock, word);
	uint64_t state = load(place);

	while (is_marked(place, state) && !(state & (REPORTER | COUNT_MAX << COUNT_SHIFT)) &&
		!swap(place, &state, 0))
		;
}

bool told_resume(uintptr_t lock, uint32_t word, uint64_t *ret_since)
{
	struct place place = place_of(lock, word);
	uint64_t state;

	if (!is_in_use())
		return false;
	state = load(place);
	*ret_since = atomic_load_explicit(&place.told->since, memory_order_relaxed);
	return lasts(place, state) && state & (LEFT | COUNT_MAX << COUNT_SHIFT) &&
	       load(place) == state;
}

bool told_end(uintptr_t lock, uint32_t word)
{
	struct place place = place_of(lock, word);
	uint64_t state;

	if (!is_in_use())
		return false;
	/* the word is stored, then the state loaded; who waits does the reverse: one sees the other */
	atomic_thread_fence(memory_order_seq_cst);
	state = load(place);
	while (lasts(place, state) &&
		!swap(place, &state,
			state & (REPORTER | COUNT_MAX << COUNT_SHIFT) ? state | ENDED : 0))
		;
	return lasts(place, state) && count_of(state) &&
	       (state & LEFT || !is_waited_for(place));
}
