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
#include "memory.h"
#include "plan-group.h"
#include "plan-owner.h"

/* Bytes: as far may an index be displaced in a program at a fixed place; and so far it is usual. */
#define DISPLACED_MAX 65536
#define DISPLACED_MIN 1024

static void settle(
	const struct places *places, struct root *root, enum side side, const char *reason)
{
	root->owner = side == SIDE_SHARED ? side_owner(places, root->address, side) : NULL;
	if (root->owner && root->is_certain)
		root->owner = side_here(places, root->symbol);
	root->reason = reason;
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
	if (root->uses & USE_MIXED)
		return "memory is touched through it, or through another address";
	if (root->uses & USE_MEETS_OTHER)
		return "it is compared with an unknown address";
	if (root->field)
		return "the address is passed, stored or returned";
	return "it is a pointer in data";
}

/* To share the private one of the two makes it all one side. */
static const char *cure(const struct datum *one, const struct datum *other)
{
	const struct datum *private = side_of(one) == SIDE_PRIVATE ? one : other;

	if (!private || side_of(private) != SIDE_PRIVATE || !private->symbol)
		return "annotate the variable instead";
	return memory_format("share %s as well, or annotate instead", datum_name(private));
}

static void refuse(struct places *places, const struct root *root, enum side shown)
{
	const struct datum *here = side_here(places, root->address);
	const struct datum *ending = side_ending(places, root->address);
	const struct datum *it = here ? here : ending, *rival;

	rival = side_rival(places, root, side_of(it));
	if (here && ending && side_of(here) != side_of(ending))
		rival = ending;
	if (!rival)
		rival = side_owner(places, root->address, other_side(side_of(it)));
	places_refuse(
		places, (struct refusal_of_plan){ .at = root->at,
				.is_code = root->field != 0,
				.address = root->address,
				.cause = memory_format("%s, so it may be an address of %s",
					why_unclear(root, shown),
					rival ? datum_name(rival) : "another"),
				.cure = cure(it, rival) });
}

/*
 * Bytes that were touched through it decide between what begins and what ends there. But
 * if it lies in a variable of the other side altogether, then what touches may be code
 * that never runs.
 */
static bool decide_by_touch(const struct places *places, struct root *root, enum side side)
{
	enum side possible = side_plausible(places, root->address);
	unsigned doubtful = USE_MEETS_OTHER;

	if (possible == other_side(side))
		return false;
	if (possible == SIDE_NONE)
		doubtful |= USE_ESCAPES | USE_RETURNED | USE_ODD | USE_STRADDLES | USE_MIXED;
	if (possible != side && root->uses & doubtful)
		return false;
	settle(places, root, side, "it touches it");
	return true;
}

static bool decide_by_group(
	const struct places *places, struct root *root, const struct group *group)
{
	enum side side = group_shown(places, group);

	if (group->count < 2 || !group->is_whole)
		return false;
	if (side == SIDE_NONE)
		side = group_common(places, group);
	if ((side != SIDE_SHARED && side != SIDE_PRIVATE) || !group_agrees(places, group, side))
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

/* Are all the addresses that are made of it addresses of @datum? */
static bool holds_all(const struct datum *datum, const struct root *root)
{
	return root->address + (uint64_t)root->least >= datum->at.start &&
	       root->address + (uint64_t)root->most <= datum->at.end;
}

/* What lies there; or, if that can be meant by neither, the one side that can. */
static bool decide_by_place(const struct places *places, struct root *root)
{
	const struct datum *here = side_here(places, root->address);
	const struct datum *ending = side_ending(places, root->address);
	enum side side = side_of(here ? here : ending);
	bool shared = side_rival(places, root, SIDE_PRIVATE) != NULL;
	bool private = side_rival(places, root, SIDE_SHARED) != NULL;

	if (root->uses & USE_STRADDLES || (here && !holds_all(here, root)))
		return false;
	/* nobody means padding: it is the end of what is before, if only of a single element */
	if (ending && ending->symbol && (!here || !here->symbol) &&
		side_of(ending) != (here ? side : shared ? SIDE_SHARED : SIDE_PRIVATE))
		return false;
	if (here)
		return settle_if(places, root, side, !(side == SIDE_SHARED ? private : shared));
	return settle_if(places, root, shared ? SIDE_SHARED : SIDE_PRIVATE, shared != private);
}

static bool decide_by_distance(
	const struct places *places, struct root *root, const struct group *group)
{
	if (group_is_all(places, group, SIDE_PRIVATE))
		return settle_if(places, root, SIDE_PRIVATE, true);
	return settle_if(places, root, SIDE_SHARED, group_is_all(places, group, SIDE_SHARED));
}

/*
 * Kept on the stack, and never looked at again: `auto &range = table`, without optimization.
 * Only in a function that reaches all of its stack by displacements, so that it is seen.
 */
static bool is_unused(const struct places *places, const struct root *root)
{
	const struct function *function = symbols_function(places->symbols, root->at);

	return root->field && root->is_visited && !root->uses && !root->link_count &&
	       !root->touches_shared && !root->touches_private && function &&
	       !function->names_stack;
}

/*
 * At a fixed place `days[year - 1970]` is one number with an index, however far that lies from
 * the array. What is near the start of a variable is taken for it.
 */
static bool is_displaced_far(const struct places *places, const struct root *root)
{
	const struct symbols *symbols = places->symbols;
	const struct datum *here = side_here(places, root->address);
	enum side side = here ? side_of(here) : SIDE_NONE;

	if (!root->may_be_number || !root->field || !(root->uses & USE_INDEXED) ||
		side_shown(places, root) ||
		(here && root->address - here->at.start <= DISPLACED_MIN))
		return false;
	for (size_t i = symbols_first(symbols, root->address);
		i < symbols->datum_count &&
		symbols->data[i].at.start <= root->address + DISPLACED_MAX;
		i++)
		if (symbols->data[i].at.end - symbols->data[i].at.start >= 2 * root->step &&
			(side == SIDE_NONE ? symbols->data[i].is_chosen :
					     side_of(&symbols->data[i]) != side))
			return true;
	return false;
}

static void decide(struct places *places, struct root *root)
{
	enum side side = side_shown(places, root), all;
	struct group strong, any;

	if (root->is_certain) {
		settle(places, root, side, "the symbol is named");
		return;
	}
	if (is_displaced_far(places, root)) {
		refuse(places, root, SIDE_NONE);
		return;
	}
	if (!places_are_near_shared(places, root->address))
		return;
	group_gather(places, root, true, &strong);
	group_gather(places, root, false, &any);
	all = group_shown(places, &strong);
	if (all != SIDE_BOTH && side == all && side != SIDE_NONE &&
		decide_by_touch(places, root, side))
		return;
	if (all != SIDE_BOTH &&
		(decide_by_group(places, root, &strong) || decide_by_group(places, root, &any)))
		return;
	if (all == SIDE_NONE && decide_by_distance(places, root, &any))
		return;
	if (any.count == 1 && any.is_whole && all == SIDE_NONE && decide_by_place(places, root))
		return;
	if (is_unused(places, root))
		return;
	if (any.count == 1 || !group_is_pure(places, &any))
		refuse(places, root, all);
}

/*
 * The loader runs the resolvers of an object while it relocates it, and so before its variables
 * move. What they store is copied; but an address that they keep is the old one.
 */
static void check_resolvers(struct places *places)
{
	const unsigned kept = USE_ESCAPES | USE_RETURNED | USE_ODD | USE_NOT_SEEN;

	for (size_t i = 0; i < places->code_root_count; i++) {
		const struct root *root = &places->roots[i];

		if (root->owner && root->uses & kept)
			places_refuse(places, (struct refusal_of_plan){ .at = root->at,
				.is_code = true,
				.address = root->address,
				.cause = "the object has functions that the loader runs before its "
					 "variables move (IFUNC), and they may keep the address",
				.cure = "annotate the variable instead" });
	}
}

/* Or what it is compared with was. A word of data may be read by anybody. */
static bool is_address(const struct places *places, const struct root *root)
{
	bool found = !root->may_be_number || root->is_certain;

	if (!found && !root->field)
		return false;
	found |= root->is_address;
	for (unsigned i = 0; i < root->link_count && !found; i++)
		found = places->roots[root->links[i].root].is_address;
	return found;
}

static void check_number(struct places *places, struct root *root)
{
	if (!root->owner || is_address(places, root))
		return;
	if (is_unused(places, root)) { /* whatever it is, it may stay as it is */
		root->owner = NULL;
		return;
	}
	places_refuse(places, (struct refusal_of_plan){ .at = root->at,
				      .is_code = root->field != 0,
				      .address = root->address,
				      .cause = "it is its address, or a number: the program is not "
					       "position-independent",
				      .cure = "link with -pie, or annotate the variable" });
}

void owner_decide(struct places *places)
{
	for (size_t i = 0; i < places->root_count; i++) {
		decide(places, &places->roots[i]);
		check_number(places, &places->roots[i]);
	}
	if (places->symbols->has_resolvers)
		check_resolvers(places);
}
