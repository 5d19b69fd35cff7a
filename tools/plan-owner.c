/* SPDX-License-Identifier: MIT */
/*
 * plan-owner.c - an address is its variable's, though it may lie in another
 *
 * One past the end of an array is where the next variable begins; and a compiler, or a
 * person, may form table - 4 for an index that counts from 1. So it does not suffice to
 * look what lies at an address. There are two sides only, what is shared and what stays
 * private, and all of one side moves alike or not at all; so the question is the side.
 *
 * It is decided, in this order, by a symbol that is named; by there being nothing of the
 * other side that is near enough; by the bytes that are touched through it; by the bytes
 * that are touched through another address, which it bounds a loop over or is ordered
 * with, for C compares only addresses of one variable in that way; and by its place, if no
 * variable of the other side can be meant. Whatever is left is refused.
 */
#include <string.h>

#include "memory.h"
#include "plan-owner.h"

enum side { SIDE_NONE, SIDE_SHARED, SIDE_PRIVATE, SIDE_BOTH };

/* Bytes: how far outside of its variable an address may be that is used as it is. */
#define REACH_ESCAPED 16
#define REACH_ODD     64
/* Elements: how far, if it is used with an index that counts in a loop, or with another. */
#define REACH_WILD 64
#define REACH_TAME 16

/* Bytes: how far outside an address may be that is compared with one which is indexed. */
#define SLACK 16

/* Bytes: farther than any of that. */
#define FAR_AWAY 128

#define GROUP_MAX 128

struct group {
	unsigned roots[GROUP_MAX];
	unsigned count;
	bool is_whole; /* nothing was left out */
};

static enum side side_of(const struct datum *datum)
{
	return !datum ? SIDE_NONE : datum->is_chosen ? SIDE_SHARED : SIDE_PRIVATE;
}

static enum side other_side(enum side side)
{
	return side == SIDE_SHARED ? SIDE_PRIVATE : SIDE_SHARED;
}

static enum side both(enum side a, enum side b)
{
	return (enum side)(a | b);
}

static const struct datum *datum_here(const struct places *places, uint64_t address)
{
	return symbols_datum(places->symbols, address);
}

static const struct datum *datum_ending(const struct places *places, uint64_t address)
{
	size_t i = symbols_first(places->symbols, address);

	if (!i || places->symbols->data[i - 1].at.end != address)
		return NULL;
	return &places->symbols->data[i - 1];
}

static enum side evidence(const struct places *places, const struct root *root)
{
	enum side side = SIDE_NONE;

	if (root->is_certain)
		return side_of(datum_here(places, root->symbol));
	if (root->touches_shared)
		side = both(side, SIDE_SHARED);
	if (root->touches_private)
		side = both(side, SIDE_PRIVATE);
	return side;
}

/* The sides of which it is an address: of a byte, or of the end. */
static enum side plausible(const struct places *places, uint64_t address)
{
	return both(side_of(datum_here(places, address)),
		side_of(datum_ending(places, address)));
}

/* The variable of @side that it points into, or to the end of, or is nearest to. */
static const struct datum *owner_of_side(
	const struct places *places, uint64_t address, enum side side)
{
	const struct datum *here = datum_here(places, address), *nearest = NULL;
	const struct datum *ending = datum_ending(places, address);
	uint64_t distance = UINT64_MAX;

	if (here && side_of(here) == side)
		return here;
	if (ending && side_of(ending) == side)
		return ending;
	for (size_t i = 0; i < places->symbols->datum_count; i++) {
		const struct datum *datum = &places->symbols->data[i];
		uint64_t away = datum->at.start > address ? datum->at.start - address :
							    address - datum->at.end;

		if (side_of(datum) == side && away < distance) {
			nearest = datum;
			distance = away;
		}
	}
	return nearest;
}

static void settle(const struct places *places, struct root *root, enum side side,
	const char *reason)
{
	root->owner = side == SIDE_SHARED ? owner_of_side(places, root->address, side) : NULL;
	if (root->owner && root->is_certain)
		root->owner = datum_here(places, root->symbol);
	root->reason = reason;
}

static void gather(const struct places *places, const struct root *root, bool only_strong,
	struct group *ret)
{
	*ret = (struct group){ .count = 1, .is_whole = true };
	ret->roots[0] = (unsigned)(root - places->roots);
	for (unsigned i = 0; i < ret->count; i++) {
		const struct root *member = &places->roots[ret->roots[i]];

		ret->is_whole &= !member->is_full;
		for (unsigned k = 0; k < member->link_count; k++) {
			unsigned other = member->links[k].root, seen = 0;

			if (only_strong && !member->links[k].is_strong)
				continue;
			while (seen < ret->count && ret->roots[seen] != other)
				seen++;
			if (seen < ret->count)
				continue;
			if (ret->count == GROUP_MAX) {
				ret->is_whole = false;
				return;
			}
			ret->roots[ret->count++] = other;
		}
	}
}

static enum side group_evidence(const struct places *places, const struct group *group)
{
	enum side side = SIDE_NONE;

	for (unsigned i = 0; i < group->count; i++)
		side = both(side, evidence(places, &places->roots[group->roots[i]]));
	return side;
}

/* Could each member be an address of that side, or has shown that it is? */
static bool group_agrees(
	const struct places *places, const struct group *group, enum side side)
{
	for (unsigned i = 0; i < group->count; i++) {
		const struct root *member = &places->roots[group->roots[i]];

		if (!(plausible(places, member->address) & side) &&
			evidence(places, member) != side)
			return false;
	}
	return true;
}

/* Compilers displace both ends of a loop when what is touched lies before its pointer. */
static bool is_about(const struct datum *datum, uint64_t address, uint64_t slack)
{
	return datum->at.start <= address + slack && address <= datum->at.end + slack;
}

static bool is_common(const struct places *places, const struct group *group,
	const struct datum *datum, uint64_t slack)
{
	for (unsigned i = 0; i < group->count; i++)
		if (!is_about(datum, places->roots[group->roots[i]].address, slack))
			return false;
	return true;
}

/* There is no reason to displace what nothing is touched through. */
static uint64_t slack_of(const struct places *places, const struct group *group)
{
	for (unsigned i = 0; i < group->count; i++)
		if (places->roots[group->roots[i]].uses &
			(USE_INDEXED | USE_ODD | USE_STRADDLES | USE_NOT_SEEN))
			return SLACK;
	return 0;
}

/* The side of the variable that every member is an address of, if it can be no other. */
static enum side common_side(const struct places *places, const struct group *group)
{
	const struct symbols *symbols = places->symbols;
	uint64_t first = places->roots[group->roots[0]].address;
	uint64_t slack = slack_of(places, group);
	enum side exact = SIDE_NONE, about = SIDE_NONE;

	for (size_t i = symbols_first(symbols, first - slack - 1);
		i < symbols->datum_count && symbols->data[i].at.start <= first + slack; i++) {
		if (is_common(places, group, &symbols->data[i], 0))
			exact = both(exact, side_of(&symbols->data[i]));
		if (is_common(places, group, &symbols->data[i], slack))
			about = both(about, side_of(&symbols->data[i]));
	}
	return exact == about ? exact : SIDE_NONE;
}

/*
 * Addresses that are only compared with one another, and are equal: as crtstuff.c does
 * with a label. They stay what they are, and so do the comparisons.
 */
static bool is_pure(const struct places *places, const struct group *group)
{
	for (unsigned i = 0; i < group->count; i++) {
		const struct root *member = &places->roots[group->roots[i]];

		if (!group->is_whole || !member->is_visited ||
			member->uses & ~(unsigned)(USE_ODD | USE_RETURNED) || evidence(places, member) ||
			!member->field)
			return false;
		for (unsigned k = 0; k < member->link_count; k++)
			if (!member->links[k].is_exact)
				return false;
	}
	return true;
}

/* One that nothing but its name refers to, and too small to be passed by its end. */
static bool is_scalar_alone(const struct datum *datum)
{
	uint64_t size = datum->at.end - datum->at.start;

	return datum->symbol && !datum->taken && size <= 8 && !(size & (size - 1));
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How far below its variable's start may such an address be? In bytes. */
static uint64_t reach_below(const struct root *root, const struct datum *here)
{
	bool is_start = here && here->at.start == root->address;
	uint64_t step = root->step ? root->step : 1;
	uint64_t reach = 0;

	if (root->uses & USE_NOT_SEEN)
		return ROOT_REACH;
	if (root->uses & (USE_ESCAPES | USE_RETURNED | USE_MEETS_OTHER))
		reach = REACH_ESCAPED;
	if (root->uses & USE_ODD)
		reach = REACH_ODD;
	if (root->uses & USE_WILD)
		return smaller(ROOT_REACH, REACH_WILD * step);
	if (root->uses & USE_INDEXED && !is_start && reach < REACH_TAME * step)
		return REACH_TAME * step;
	return reach;
}

/* An array has two elements, at least. */
static bool is_array_for(const struct datum *datum, uint64_t element)
{
	return datum->at.end - datum->at.start >= 2 * element;
}

static bool may_be_below(
	const struct root *root, const struct datum *here, const struct datum *rival)
{
	uint64_t distance = rival->at.start - root->address;
	bool is_indexed = root->uses & USE_INDEXED;

	if (distance > reach_below(root, here))
		return false;
	if (root->uses & USE_NOT_SEEN || (is_indexed && is_array_for(rival, root->step)))
		return true;
	return (root->uses &
		       (USE_ESCAPES | USE_RETURNED | USE_MEETS_OTHER | USE_ODD)) &&
	       is_array_for(rival, distance);
}

static bool may_be_end(
	const struct root *root, const struct datum *here, const struct datum *rival)
{
	bool is_start = here && here->at.start == root->address;
	bool only_indexed = root->uses & USE_INDEXED &&
			    !(root->uses & (USE_ESCAPES | USE_MEETS_OTHER | USE_ODD |
						   USE_NOT_SEEN | USE_REVERSED | USE_RETURNED));

	if (is_scalar_alone(rival) && !(root->uses & USE_NOT_SEEN))
		return false;
	if (only_indexed && !is_array_for(rival, root->step))
		return false;
	if (only_indexed && is_start && (root->low >= 0 || !(root->uses & USE_WILD)))
		return false;
	return true;
}

static bool may_be_above(const struct root *root, const struct datum *rival)
{
	uint64_t distance = root->address - rival->at.end;

	if (root->uses & USE_NOT_SEEN)
		return distance <= REACH_ODD;
	return root->uses & USE_REVERSED && distance <= REACH_WILD * (root->step | 1) &&
	       is_array_for(rival, root->step);
}

static bool may_own(
	const struct root *root, const struct datum *here, const struct datum *rival)
{
	if (rival->at.start > root->address)
		return may_be_below(root, here, rival);
	if (rival->at.end == root->address)
		return may_be_end(root, here, rival);
	return rival->at.end > root->address || may_be_above(root, rival);
}

/* A variable of another side than @side that could be meant. */
static const struct datum *find_rival(
	const struct places *places, const struct root *root, enum side side)
{
	const struct symbols *symbols = places->symbols;
	const struct datum *here = datum_here(places, root->address);
	uint64_t low = root->address - ROOT_REACH - 1;
	uint64_t high = root->address + ROOT_REACH + 1;

	for (size_t i = symbols_first(symbols, low);
		i < symbols->datum_count && symbols->data[i].at.start <= high; i++)
		if (side_of(&symbols->data[i]) != side &&
			may_own(root, here, &symbols->data[i]))
			return &symbols->data[i];
	return NULL;
}

static const char *why_unclear(const struct root *root, enum side shown)
{
	if (shown == SIDE_BOTH)
		return "it touches, or is compared with what touches, shared and private variables";
	if (root->uses & USE_NOT_SEEN)
		return "no path to it was found";
	if (root->uses & USE_WILD)
		return "it is used with an index that counts from an unknown start";
	if (root->uses & USE_INDEXED)
		return "it is used with an unknown index";
	if (root->uses & USE_MEETS_OTHER)
		return "it is compared with an unknown address";
	if (root->field)
		return "the address is passed, stored or returned";
	return "it is a pointer in data";
}

static void refuse(struct places *places, const struct root *root, enum side shown)
{
	const struct datum *here = datum_here(places, root->address);
	const struct datum *rival;
	enum side side = side_of(here ? here : datum_ending(places, root->address));

	rival = find_rival(places, root, side);
	if (!rival)
		rival = owner_of_side(places, root->address,
			other_side(side));
	places_refuse(places,
		(struct refusal_of_plan){ .at = root->at,
			.is_code = root->field != 0,
			.address = root->address,
			.cause = memory_format("%s, so it may be an address of %s",
				why_unclear(root, shown), rival ? datum_name(rival) : "another"),
			.cure = memory_format("share %s as well if that may be, or annotate",
				rival && side_of(rival) == SIDE_PRIVATE ? datum_name(rival) :
				here					? datum_name(here) :
									  "the neighbour") });
}

/*
 * Bytes that were touched through it decide between what begins and what ends there. But
 * if it lies in a variable of the other side altogether, then what touches may be code
 * that never runs.
 */
static bool decide_by_touch(const struct places *places, struct root *root, enum side side)
{
	enum side possible = plausible(places, root->address);
	unsigned doubtful = USE_MEETS_OTHER;

	if (possible == other_side(side))
		return false;
	if (possible == SIDE_NONE)
		doubtful |= USE_ESCAPES | USE_RETURNED | USE_ODD | USE_STRADDLES;
	if (possible != side && root->uses & doubtful)
		return false;
	settle(places, root, side, "it touches it");
	return true;
}

static bool decide_by_group(
	const struct places *places, struct root *root, const struct group *group)
{
	enum side side = group_evidence(places, group);

	if (group->count < 2 || !group->is_whole)
		return false;
	if (side == SIDE_NONE)
		side = common_side(places, group);
	if ((side != SIDE_SHARED && side != SIDE_PRIVATE) ||
		!group_agrees(places, group, side))
		return false;
	settle(places, root, side, "it is compared with another address of it");
	return true;
}

static bool settle_if(
	const struct places *places, struct root *root, enum side side, bool proved)
{
	if (proved)
		settle(places, root, side, "nothing else can be meant");
	return proved;
}

/* What lies there; or, if that can be meant by neither, the one side that can. */
static bool decide_by_place(const struct places *places, struct root *root)
{
	const struct datum *here = datum_here(places, root->address);
	enum side side = side_of(here ? here : datum_ending(places, root->address));
	bool shared = find_rival(places, root, SIDE_PRIVATE) != NULL;
	bool private = find_rival(places, root, SIDE_SHARED) != NULL;

	if (root->uses & USE_STRADDLES)
		return false;
	if (here)
		return settle_if(places, root, side,
			!(side == SIDE_SHARED ? private : shared));
	return settle_if(
		places, root, shared ? SIDE_SHARED : SIDE_PRIVATE, shared != private);
}

static bool is_near(const struct places *places, uint64_t address, enum side side)
{
	const struct symbols *symbols = places->symbols;

	for (size_t i = symbols_first(symbols, address - FAR_AWAY - 1);
		i < symbols->datum_count && symbols->data[i].at.start <= address + FAR_AWAY; i++)
		if (side_of(&symbols->data[i]) == side)
			return true;
	return false;
}

/* Addresses that are compared with one another, none of them near to anything of a side. */
static bool decide_by_distance(
	const struct places *places, struct root *root, const struct group *group, enum side side)
{
	for (unsigned i = 0; i < group->count; i++) {
		const struct root *member = &places->roots[group->roots[i]];

		if (is_near(places, member->address, other_side(side)) ||
			find_rival(places, member, side))
			return false;
	}
	return settle_if(places, root, side, group->is_whole);
}

static void decide(struct places *places, struct root *root)
{
	enum side side = evidence(places, root), all;
	struct group strong, any;

	if (root->is_certain) {
		settle(places, root, side, "the symbol is named");
		return;
	}
	if (!places_are_near_shared(places, root->address))
		return;
	gather(places, root, true, &strong);
	gather(places, root, false, &any);
	all = group_evidence(places, &strong);
	if (all != SIDE_BOTH && side == all && side != SIDE_NONE &&
		decide_by_touch(places, root, side))
		return;
	if (all != SIDE_BOTH &&
		(decide_by_group(places, root, &strong) || decide_by_group(places, root, &any)))
		return;
	if (all == SIDE_NONE && (decide_by_distance(places, root, &any, SIDE_PRIVATE) ||
					decide_by_distance(places, root, &any, SIDE_SHARED)))
		return;
	if (any.count == 1 && any.is_whole && all == SIDE_NONE && decide_by_place(places, root))
		return;
	if (any.count == 1 || !is_pure(places, &any))
		refuse(places, root, all);
}

void owner_decide(struct places *places)
{
	for (size_t i = 0; i < places->root_count; i++)
		decide(places, &places->roots[i]);
}
