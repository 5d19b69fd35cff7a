/* SPDX-License-Identifier: MIT */
/*
 * plan-value.c - arithmetic on what is known of numbers and addresses
 *
 * A number is an interval; an address is a root and an interval of bytes from there.
 * Where paths meet, an interval that grows is open at once at that end: loops are gone
 * through twice, not a million times, and the first time round has exact values already.
 * What meets with something of another origin is mixed: it is still known which roots it
 * may come from, so that whatever is done with it is held against each of them.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "plan-value.h"

struct set {
	unsigned count;
	bool is_whole; /* it comes from one of them for certain */
	unsigned roots[VALUE_ROOTS_MAX];
};

static struct set *sets;
static unsigned set_count;
static void (*forgotten)(unsigned root);

void value_on_forgotten(void (*forget)(unsigned root))
{
	forgotten = forget;
}

unsigned value_roots(struct value value, unsigned *ret)
{
	if (value.kind == VALUE_POINTER) {
		ret[0] = value.root;
		return 1;
	}
	if (value.kind != VALUE_MIXED)
		return 0;
	memcpy(ret, sets[value.root].roots, sizeof(sets[value.root].roots));
	return sets[value.root].count;
}

bool value_is_whole(struct value value)
{
	return value.kind == VALUE_POINTER ||
	       (value.kind == VALUE_MIXED && sets[value.root].is_whole);
}

static void set_add(struct set *set, unsigned root)
{
	unsigned i = 0;

	while (i < set->count && set->roots[i] < root)
		i++;
	if (i < set->count && set->roots[i] == root)
		return;
	if (set->count == VALUE_ROOTS_MAX) {
		set->is_whole = false;
		forgotten(root);
		return;
	}
	memmove(&set->roots[i + 1], &set->roots[i], (set->count - i) * sizeof(root));
	set->roots[i] = root;
	set->count++;
}

static unsigned set_number(const struct set *set)
{
	for (unsigned i = set_count; i-- > 0 && set_count - i < 1000;)
		if (!memcmp(&sets[i], set, sizeof(*set)))
			return i;
	sets = memory_grow(sets, set_count, sizeof(*sets));
	sets[set_count] = *set;
	return set_count++;
}

static struct value mixed(struct value a, struct value b)
{
	unsigned roots[VALUE_ROOTS_MAX], count;
	struct value value = a;
	struct set set;

	memset(&set, 0, sizeof(set)); /* compared as bytes */
	set.is_whole = value_is_whole(a) && value_is_whole(b);
	count = value_roots(a, roots);
	for (unsigned i = 0; i < count; i++)
		set_add(&set, roots[i]);
	count = value_roots(b, roots);
	for (unsigned i = 0; i < count; i++)
		set_add(&set, roots[i]);
	if (!set.count)
		return value_unknown();
	/* the very same number, else a loop that only meets what it knows would not end */
	if (a.kind != VALUE_MIXED || memcmp(&sets[a.root], &set, sizeof(set)) != 0)
		value = value_of(VALUE_MIXED, set_number(&set), 0);
	value.is_scaled = value_is_index(a) && value_is_index(b);
	return value;
}

struct value value_doubt(struct value value)
{
	return value_is_rooted(value) ? mixed(value, value_unknown()) : value_unknown();
}

bool value_is_same(struct value a, struct value b)
{
	return a.kind == b.kind && a.root == b.root && a.low == b.low && a.high == b.high &&
	       a.shift == b.shift && a.is_scaled == b.is_scaled &&
	       a.is_tame == b.is_tame && a.is_reversed == b.is_reversed;
}

static bool has_interval(struct value value)
{
	return value.kind == VALUE_NUMBER || value.kind == VALUE_POINTER;
}

static struct value widened(struct value old, struct value new)
{
	struct value value = old;

	if (new.low < old.low)
		value.low = NO_LOW;
	if (new.high > old.high)
		value.high = NO_HIGH;
	/* what comes back changed is a counter */
	value.is_tame = old.is_tame && new.is_tame && old.low == new.low &&
			old.high == new.high && old.shift == new.shift;
	if (!value.is_tame)
		value.shift = 0;
	value.is_reversed |= new.is_reversed;
	value.is_scaled = value_is_index(old) && value_is_index(new);
	return value;
}

struct value value_join(struct value old, struct value new)
{
	if (value_is_same(old, new))
		return old;
	if (old.kind == new.kind && old.root == new.root && has_interval(old))
		return widened(old, new);
	return mixed(old, new);
}

static int64_t bounded(int64_t number)
{
	return number < NO_LOW ? NO_LOW : number > NO_HIGH ? NO_HIGH : number;
}

static int64_t low_sum(int64_t a, int64_t b)
{
	return a <= NO_LOW || b <= NO_LOW ? NO_LOW : bounded(a + b);
}

static int64_t high_sum(int64_t a, int64_t b)
{
	return a >= NO_HIGH || b >= NO_HIGH ? NO_HIGH : bounded(a + b);
}

static int64_t shift_of(struct value a, struct value b)
{
	if (value_is_exact(a) == value_is_exact(b))
		return bounded(a.shift + b.shift);
	return value_is_exact(a) ? bounded(b.shift + (a.kind == VALUE_NUMBER ? a.low : 0)) :
				   bounded(a.shift + b.low);
}

static struct value summed(struct value a, struct value b)
{
	struct value value = a;

	value.low = low_sum(a.low, b.low);
	value.high = high_sum(a.high, b.high);
	value.is_tame = a.is_tame && b.is_tame;
	value.shift = value.is_tame ? shift_of(a, b) : 0;
	value.is_reversed |= b.is_reversed;
	value.is_scaled = value_is_index(a) && value_is_index(b);
	return value;
}

struct value value_add(struct value a, struct value b)
{
	if (a.kind == VALUE_NUMBER && b.kind != VALUE_NUMBER)
		return value_add(b, a);
	if (a.kind == VALUE_TABLE && b.kind == VALUE_PLACE)
		return a.low == b.low ? a : value_unknown();
	if (a.kind == VALUE_PLACE && b.kind == VALUE_TABLE)
		return value_add(b, a);
	if (b.kind != VALUE_NUMBER)
		return mixed(a, b);
	switch (a.kind) {
	case VALUE_NUMBER:
	case VALUE_POINTER:
		return summed(a, b);
	case VALUE_STACK:
		return value_is_exact(b) ? summed(a, b) : value_unknown();
	case VALUE_PLACE:
		return value_is_exact(b) ? summed(a, b) : value_of(VALUE_TABLE, 0, a.low);
	case VALUE_MIXED:
		a.is_scaled = a.is_scaled && value_is_index(b);
		return a;
	case VALUE_TABLE:
		return a;
	default:
		return value_unknown();
	}
}

struct value value_negative(struct value value)
{
	struct value negative = value_number(bounded(-value.high), bounded(-value.low));

	if (value.kind != VALUE_NUMBER)
		negative = value_unknown();
	negative.is_tame = value.is_tame;
	negative.shift = value.kind == VALUE_NUMBER ? -value.shift : 0;
	negative.is_reversed = !value_is_constant(value);
	return negative;
}

static int64_t product(int64_t a, int64_t factor)
{
	int64_t result;

	if (a <= NO_LOW || a >= NO_HIGH)
		return a;
	if (__builtin_mul_overflow(a, factor, &result))
		return a < 0 ? NO_LOW : NO_HIGH;
	return bounded(result);
}

struct value value_times(struct value value, int64_t factor)
{
	if (value.kind != VALUE_NUMBER || factor < 0) {
		bool is_tame = value.kind == VALUE_NUMBER && value.is_tame;

		value = value_unknown();
		value.is_tame = is_tame;
		value.is_reversed = true;
		value.is_scaled = factor != 1;
		return value;
	}
	value.low = product(value.low, factor);
	value.high = product(value.high, factor);
	value.shift = product(value.shift, factor);
	value.is_scaled |= factor > 1;
	return value;
}

/* What fits stays; of what does not, only how it is used is known still. */
static struct value narrowed(struct value value, int64_t least, int64_t most)
{
	struct value result = value_number(least, most);

	if (value.kind == VALUE_NUMBER) {
		if (value.low >= least && value.high <= most)
			return value;
		result.is_tame = value.is_tame;
		result.is_reversed = value.is_reversed;
		result.shift = value.is_tame ? value.shift : 0;
	}
	return result;
}

struct value value_low32(struct value value)
{
	if (value.kind == VALUE_TABLE)
		return value;
	if (value_is_constant(value))
		return value_constant((int64_t)(uint32_t)value.low);
	return narrowed(value, 0, UINT32_MAX);
}

struct value value_signed32(struct value value)
{
	if (value.kind == VALUE_TABLE)
		return value;
	if (value_is_constant(value))
		return value_constant((int64_t)(int32_t)value.low);
	return narrowed(value, INT32_MIN, INT32_MAX);
}
