/* SPDX-License-Identifier: MIT */
/*
 * plan-group.c - C compares only addresses of one variable for order
 *
 * So what bounds a loop, or is ordered, belongs to the variable of what it is compared
 * with: an end, though it lies where the next variable begins. And if all of them are
 * addresses of one variable, and of no other, then it is theirs.
 */
#include "plan-group.h"

/* Bytes: how far outside an address may be that is compared with one which is indexed. */
#define SLACK 16

/* Bytes: farther than any of that. */
#define FAR_AWAY 128

void group_gather(const struct places *places, const struct root *root, bool only_strong,
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

enum side group_shown(const struct places *places, const struct group *group)
{
	enum side side = SIDE_NONE;

	for (unsigned i = 0; i < group->count; i++)
		side = both(side, side_shown(places, &places->roots[group->roots[i]]));
	return side;
}

bool group_agrees(const struct places *places, const struct group *group, enum side side)
{
	for (unsigned i = 0; i < group->count; i++) {
		const struct root *member = &places->roots[group->roots[i]];

		if (!(side_plausible(places, member->address) & side) &&
			side_shown(places, member) != side)
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
			(USE_INDEXED | USE_ODD | USE_STRADDLES | USE_NOT_SEEN | USE_MIXED))
			return SLACK;
	return 0;
}

enum side group_common(const struct places *places, const struct group *group)
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

bool group_is_all(const struct places *places, const struct group *group, enum side side)
{
	for (unsigned i = 0; i < group->count; i++) {
		const struct root *member = &places->roots[group->roots[i]];

		if (side_is_near(places, member->address, other_side(side), FAR_AWAY) ||
			side_rival(places, member, side))
			return false;
	}
	return group->is_whole;
}

bool group_is_pure(const struct places *places, const struct group *group)
{
	for (unsigned i = 0; i < group->count; i++) {
		const struct root *member = &places->roots[group->roots[i]];

		if (!group->is_whole || !member->is_visited ||
			member->uses & ~(unsigned)(USE_ODD | USE_RETURNED) ||
			side_shown(places, member) || !member->field)
			return false;
		for (unsigned k = 0; k < member->link_count; k++)
			if (!member->links[k].is_exact)
				return false;
	}
	return true;
}
