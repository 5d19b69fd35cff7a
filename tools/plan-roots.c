/* SPDX-License-Identifier: MIT */
/*
 * plan-roots.c - lists of places, and how they are found again
 */
#include <stdlib.h>

#include "memory.h"
#include "plan-roots.h"

/* More reasons than these make no refusal clearer. */
#define REFUSALS_MAX 100

void places_refuse(struct places *places, struct refusal_of_plan refusal)
{
	for (size_t i = 0; i < places->refusal_count; i++)
		if (refusal.at && places->refusals[i].at == refusal.at)
			return;
	if (places->refusal_count == REFUSALS_MAX)
		return;
	places->refusals = memory_grow(
		places->refusals, places->refusal_count, sizeof(refusal));
	places->refusals[places->refusal_count++] = refusal;
}

struct root *places_add_root(struct places *places, struct root root)
{
	places->roots = memory_grow(places->roots, places->root_count, sizeof(root));
	places->roots[places->root_count] = root;
	return &places->roots[places->root_count++];
}

/* Both parts of the list are by address. */
static struct root *find(const struct places *places, size_t low, size_t end, uint64_t at)
{
	size_t high = end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (places->roots[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < end && places->roots[low].at == at ? &places->roots[low] : NULL;
}

struct root *places_root(const struct places *places, uint64_t at)
{
	return find(places, 0, places->code_root_count, at);
}

struct root *places_slot(const struct places *places, uint64_t at)
{
	struct root *root = find(places, places->code_root_count, places->root_count, at);

	return root && root->is_constant ? root : NULL;
}

unsigned places_length(const struct places *places, uint64_t at)
{
	return extent_holds(places->bytes->code, at) ?
		       places->starts[at - places->bytes->code.start] :
		       0;
}

bool places_in_loop(const struct places *places, uint64_t at)
{
	const struct function *function = symbols_function(places->symbols, at);
	size_t low = 0, high = places->branch_count;

	if (!function)
		return true;
	while (low < high) { /* the first branch that is not before it */
		size_t middle = low + (high - low) / 2;

		if (places->branches[middle].from < at)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < places->branch_count; low++) {
		const struct branch *branch = &places->branches[low];

		if (!extent_holds(function->at, branch->from))
			return false;
		if (!branch->is_call && branch->to <= at && branch->to >= function->at.start)
			return true;
	}
	return false;
}

void places_note_touched(struct places *places, struct extent touched)
{
	struct datum *datum = symbols_datum(places->symbols, touched.start);

	if (!datum)
		return;
	datum->is_touched_whole |=
		datum->at.start == touched.start && datum->at.end == touched.end;
	/* of a number only the lower half may be of interest, which is its first */
	datum->is_touched_partly |= datum->at.start != touched.start;
}

bool places_are_shared(const struct places *places, struct extent at)
{
	const struct symbols *symbols = places->symbols;

	for (size_t i = symbols_first(symbols, at.start);
		i < symbols->datum_count && symbols->data[i].at.start < at.end; i++)
		if (symbols->data[i].is_chosen)
			return true;
	return false;
}

bool places_are_near_shared(const struct places *places, uint64_t address)
{
	return places_are_shared(places,
		(struct extent){ address - ROOT_REACH - 1, address + ROOT_REACH + 1 });
}

static int by_slot(const void *a, const void *b)
{
	const struct import *x = a, *y = b;

	return (x->slot > y->slot) - (x->slot < y->slot);
}

const char *places_import(const struct places *places, uint64_t slot)
{
	struct import key = { .slot = slot }, *found = NULL;

	if (places->import_count)
		found = bsearch(
			&key, places->imports, places->import_count, sizeof(key), by_slot);
	return found ? found->name : NULL;
}
