/* SPDX-License-Identifier: MIT */
/*
 * plan-uses.c - evidence
 *
 * In a program that C allows, an address that is computed from a variable touches that
 * variable or nothing. So the bytes that are touched at a known distance from a root tell
 * whose root it is; and if that code never runs, then nothing is done with it there. With
 * an interval of distances the same holds, if all of them are in one variable.
 */
#include "plan-uses.h"

static struct places *places;
static bool is_recording;

static void forget(unsigned root)
{
	places->roots[root].uses |= USE_ODD | USE_ESCAPES;
}

void uses_of(struct places *all)
{
	places = all;
	is_recording = false;
	value_on_forgotten(forget);
}

void uses_record(bool on)
{
	is_recording = on;
}

bool uses_are_recorded(void)
{
	return is_recording;
}

/* As it is used, too, it is an address of its variable, or the end. */
static void note_offset(struct value value)
{
	struct root *root;

	if (!is_recording || value.kind != VALUE_POINTER || !value_is_exact(value))
		return;
	root = &places->roots[value.root];
	if (value.low < root->least)
		root->least = value.low;
	if (value.low > root->most)
		root->most = value.low;
}

void use(struct value value, unsigned how)
{
	unsigned roots[VALUE_ROOTS_MAX], count = value_roots(value, roots);

	note_offset(value);
	for (unsigned i = 0; is_recording && i < count; i++)
		places->roots[roots[i]].uses |= how;
}

void use_escapes(struct value value)
{
	use(value, USE_ESCAPES);
}

uint64_t use_address(struct value value)
{
	return places->roots[value.root].address + (uint64_t)value.low;
}

static void note_evidence(struct root *root, const struct datum *datum, uint64_t at)
{
	if (datum->is_chosen)
		root->touches_shared = true;
	else
		root->touches_private = true;
	root->evidence = at;
}

static void note_index(struct root *root, struct value value, uint64_t width, unsigned step,
	uint64_t at)
{
	unsigned how = USE_INDEXED;

	if (!value.is_tame && places_in_loop(places, at))
		how |= USE_WILD;
	if (value.is_reversed)
		how |= USE_REVERSED;
	root->uses |= how;
	if (step < width)
		step = (unsigned)width;
	if (step > root->step)
		root->step = step;
	if (!root->is_low_known || value.low < root->low)
		root->low = value.low;
	root->is_low_known = true;
}

/* A number with an index is not touched; who is, and is one of several, is an address as well. */
static void note_address(struct value value)
{
	unsigned roots[VALUE_ROOTS_MAX], count = value_roots(value, roots);

	for (unsigned i = 0; i < count && value_is_index(value); i++)
		places->roots[roots[i]].is_address = true;
}

void use_touches(struct value value, uint64_t width, unsigned step, uint64_t at)
{
	struct extent touched;
	const struct datum *datum;
	struct root *root;

	note_address(value);
	if (value.kind == VALUE_MIXED)
		use(value, USE_MIXED);
	if (value.kind != VALUE_POINTER)
		return;
	root = &places->roots[value.root];
	touched.start = root->address + (uint64_t)value.low;
	touched.end = root->address + (uint64_t)value.high + width;
	if (value.low <= NO_LOW || value.high >= NO_HIGH) {
		note_index(root, value, width, step, at);
		return;
	}
	datum = symbols_datum(places->symbols, touched.start);
	if (datum && touched.end <= datum->at.end)
		note_evidence(root, datum, at);
	else if (!value_is_exact(value))
		note_index(root, value, width, step, at);
	else if (places_are_shared(places, touched))
		root->uses |= USE_STRADDLES;
}

static void link_to(struct root *root, unsigned other, bool is_strong, bool is_exact)
{
	unsigned i = 0;

	while (i < root->link_count && root->links[i].root != other)
		i++;
	if (i == LINKS_MAX) {
		root->is_full = true;
		return;
	}
	if (i == root->link_count)
		root->links[root->link_count++] =
			(struct link){ .root = other, .is_exact = is_exact };
	root->links[i].is_strong |= is_strong;
	root->links[i].is_exact &= is_exact;
}

static bool is_null(struct value value)
{
	return value_is_constant(value) && value.low == 0;
}

static void link_both(unsigned a, unsigned b, bool is_strong, bool is_exact)
{
	if (a == b)
		return;
	link_to(&places->roots[a], b, is_strong, is_exact);
	link_to(&places->roots[b], a, is_strong, is_exact);
}

/* Whichever they come from: those two are of one variable, if C allows the comparison. */
static void link_each(struct value a, struct value b, bool is_strong)
{
	unsigned from_a[VALUE_ROOTS_MAX], from_b[VALUE_ROOTS_MAX];
	unsigned count_a = value_roots(a, from_a), count_b = value_roots(b, from_b);

	for (unsigned i = 0; i < count_a; i++)
		for (unsigned k = 0; k < count_b; k++)
			link_both(from_a[i], from_b[k], is_strong, false);
}

void use_compares(struct value a, struct value b, bool is_strong)
{
	bool is_exact;

	if (!is_recording || is_null(a) || is_null(b))
		return;
	note_offset(a);
	note_offset(b);
	if (a.kind == VALUE_POINTER && b.kind == VALUE_POINTER) {
		is_exact = value_is_exact(a) && value_is_exact(b) &&
			   use_address(a) == use_address(b);
		link_both(a.root, b.root, is_strong, is_exact);
	} else if (value_is_whole(a) && value_is_whole(b)) {
		link_each(a, b, is_strong);
	} else {
		use(a, USE_MEETS_OTHER);
		use(b, USE_MEETS_OTHER);
	}
}
