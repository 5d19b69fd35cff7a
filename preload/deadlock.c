/* SPDX-License-Identifier: MIT */
/*
 * deadlock.c - walking from a waiter to the owner, from the owner to what it waits for
 *
 * Each waiter has published which lock it wants, since when, the word that it saw there,
 * which names the owner, and when it last looked. No lock is read here: its memory may not
 * be mapped in this process. That what is published is a little old does no harm:
 *
 *	A wants what B held at the time a when A last looked, and
 *	B has been waiting, without pause, since b < a:
 *	so B holds it still, for who waits releases nothing.
 *
 * If this is true of all members of a circle, none of them will ever go on, whatever the
 * scheduler does, and whoever of them is stopped and knows nothing new. The members are
 * read one after the other while the world goes on, so the walk is done twice, and must see
 * the same waits, told apart by when they began.
 */
#include "deadlock.h"
#include "lockword.h"
#include "registry.h"

/* What a member had published. */
struct wait_seen {
	uintptr_t wants;
	uint64_t since, looked_at;
	uint32_t seen;
};

static struct wait_seen look(uint32_t number)
{
	struct slot *slot = &registry->slots[number];

	/* acquire, and first: `seen` is not older; pairs with publish_look() in seen.c */
	uint64_t looked_at = atomic_load_explicit(&slot->looked_at, memory_order_acquire);

	return (struct wait_seen){
		.wants = atomic_load(&slot->wants),
		.since = atomic_load(&slot->wants_since),
		.looked_at = looked_at,
		.seen = atomic_load(&slot->seen),
	};
}

static bool waits(uint32_t number)
{
	return number >= SLOT_FIRST && number < SLOT_ANONYMOUS && !registry_is_dead(number) &&
	       atomic_load(&registry->slots[number].wants);
}

/* Return: the next, whom @number waits for, if he is certain to hold it still; or 0. */
static uint32_t follow(uint32_t number, struct wait_seen *ret_seen)
{
	uint32_t next;

	*ret_seen = look(number);
	next = word_slot(ret_seen->seen);
	if (!ret_seen->wants || !waits(next))
		return 0;
	return ret_seen->looked_at > atomic_load(&registry->slots[next].wants_since) ? next : 0;
}

static bool walk(uint32_t first, struct cycle *cycle, struct wait_seen *seen)
{
	uint32_t number = first;

	cycle->count = 0;
	do {
		if (cycle->count == CYCLE_MAX)
			return false; /* or a circle further on, that we only wait for */
		cycle->members[cycle->count] = number;
		number = follow(number, &seen[cycle->count++]);
	} while (number && number != first);
	return number != 0;
}

static bool is_same(const struct cycle *cycle, const struct wait_seen *before,
	const struct cycle *again, const struct wait_seen *after)
{
	if (cycle->count != again->count)
		return false;
	for (unsigned i = 0; i < cycle->count; i++)
		if (cycle->members[i] != again->members[i] ||
			before[i].wants != after[i].wants ||
			before[i].since != after[i].since || before[i].seen != after[i].seen)
			return false;
	return true;
}

static uint32_t find_latest(const struct cycle *cycle, const struct wait_seen *seen)
{
	unsigned latest = 0;

	for (unsigned i = 1; i < cycle->count; i++)
		if (seen[i].since > seen[latest].since ||
			(seen[i].since == seen[latest].since &&
				cycle->members[i] < cycle->members[latest]))
			latest = i;
	return cycle->members[latest];
}

bool deadlock_find(uint32_t number, struct cycle *ret_cycle)
{
	struct wait_seen before[CYCLE_MAX], after[CYCLE_MAX];
	struct cycle again;

	if (!walk(number, ret_cycle, before) || !walk(number, &again, after) ||
		!is_same(ret_cycle, before, &again, after))
		return false;
	ret_cycle->latest = find_latest(ret_cycle, before);
	return true;
}
