/* SPDX-License-Identifier: MIT */
/*
 * plan-side.c - what lies at an address, and what else could be meant by it
 *
 * One past the end of an array is where the next variable begins. A compiler forms
 * table - 4 for an index that counts from 1, a person does so for arrays that begin at 1;
 * and a loop that counts up to zero has its base at the end. How far outside such an
 * address can be depends on what is done with it; the numbers here are larger than what
 * gcc and clang were seen to make.
 */
#include "plan-side.h"

/* Bytes: how far outside of its variable an address may be that is used as it is. */
#define REACH_ESCAPED 16
#define REACH_ODD     64
/* Elements: how far, if it is used with an index that counts in a loop, or with another. */
#define REACH_WILD 64
#define REACH_TAME 16
/* Bytes: no less, for an element may be a row, or a structure of which a part is touched. */
#define REACH_ROWS 1024

const struct datum *side_here(const struct places *places, uint64_t address)
{
	return symbols_datum(places->symbols, address);
}

const struct datum *side_ending(const struct places *places, uint64_t address)
{
	size_t i = symbols_first(places->symbols, address);

	if (!i || places->symbols->data[i - 1].at.end != address)
		return NULL;
	return &places->symbols->data[i - 1];
}

enum side side_shown(const struct places *places, const struct root *root)
{
	enum side side = SIDE_NONE;

	if (root->is_certain)
		return side_of(side_here(places, root->symbol));
	if (root->touches_shared)
		side = both(side, SIDE_SHARED);
	if (root->touches_private)
		side = both(side, SIDE_PRIVATE);
	return side;
}

enum side side_plausible(const struct places *places, uint64_t address)
{
	return both(side_of(side_here(places, address)), side_of(side_ending(places, address)));
}

const struct datum *side_owner(const struct places *places, uint64_t address, enum side side)
{
	const struct datum *here = side_here(places, address), *nearest = NULL;
	const struct datum *ending = side_ending(places, address);
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

bool side_is_near(
	const struct places *places, uint64_t address, enum side side, uint64_t distance)
{
	const struct symbols *symbols = places->symbols;

	for (size_t i = symbols_first(symbols, address - distance - 1);
		i < symbols->datum_count && symbols->data[i].at.start <= address + distance;
		i++)
		if (side_of(&symbols->data[i]) == side)
			return true;
	return false;
}

/*
 * One that nothing but its name refers to, always as a whole, and too small to be passed by its
 * end. An array of as many bytes is touched in part, or only through addresses.
 */
static bool is_scalar_alone(const struct datum *datum)
{
	uint64_t size = datum->at.end - datum->at.start;

	return datum->symbol && !datum->taken && datum->is_touched_whole &&
	       !datum->is_touched_partly && size <= 8 && !(size & (size - 1));
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
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
	if (root->uses & (USE_ODD | USE_MIXED))
		reach = REACH_ODD;
	if (root->uses & USE_WILD)
		return smaller(ROOT_REACH, larger(REACH_ROWS, REACH_WILD * step));
	if (root->uses & USE_INDEXED && !is_start && reach < REACH_TAME * step)
		return REACH_TAME * step;
	return reach;
}

/* Worth an index: two elements, at least. */
static bool is_array_for(const struct datum *datum, uint64_t element)
{
	return datum->at.end - datum->at.start >= 2 * element;
}

static bool may_be_below(
	const struct root *root, const struct datum *here, const struct datum *rival)
{
	uint64_t distance = rival->at.start - root->address;
	bool is_indexed = root->uses & USE_INDEXED;
	bool is_array = here && here->at.start == root->address && is_array_for(here, root->step);

	if (distance > reach_below(root, here))
		return false;
	/* what does not begin an array may be displaced from one of a single element */
	if (root->uses & USE_NOT_SEEN || (is_indexed && !is_array) ||
		(is_indexed && is_array_for(rival, root->step)))
		return true;
	return (root->uses & (USE_ESCAPES | USE_RETURNED | USE_MEETS_OTHER | USE_ODD |
				     USE_MIXED)) &&
	       is_array_for(rival, distance);
}

static bool may_be_end(
	const struct root *root, const struct datum *here, const struct datum *rival)
{
	bool is_start = here && here->at.start == root->address;
	bool only_indexed = root->uses & USE_INDEXED &&
			    !(root->uses & (USE_ESCAPES | USE_MEETS_OTHER | USE_ODD |
						   USE_NOT_SEEN | USE_REVERSED | USE_RETURNED |
						   USE_MIXED));

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

const struct datum *side_rival(
	const struct places *places, const struct root *root, enum side side)
{
	const struct symbols *symbols = places->symbols;
	const struct datum *here = side_here(places, root->address);
	uint64_t low = root->address - ROOT_REACH - 1;
	uint64_t high = root->address + ROOT_REACH + 1;

	for (size_t i = symbols_first(symbols, low);
		i < symbols->datum_count && symbols->data[i].at.start <= high; i++)
		if (side_of(&symbols->data[i]) != side &&
			may_own(root, here, &symbols->data[i]))
			return &symbols->data[i];
	return NULL;
}
