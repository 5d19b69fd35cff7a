/* SPDX-License-Identifier: MIT */
/*
 * judge-looks.c - what a changed variable looks like: read the table
 *
 * The first rule that applies decides: certain ones come first. What is a lock by its type
 * needs no look at its values; what is a pointer is no number; what is a number may be a
 * counter. The points are where the second table begins, see `judge-rules`; with none, that
 * is the end of it.
 */
#include "judge-looks.h"

/* Fewer elements in two children may be different ones by chance. */
#define PART_MIN 8

/* Words of the classes that may be a tally. */
size_t looks_good(const struct facts *facts)
{
	return facts->classes[WORD_COUNTER] + facts->classes[WORD_RESULT] +
	       facts->classes[WORD_BITS];
}

static bool is_half(const struct facts *facts, enum word_class class)
{
	return facts->classes[class] && facts->classes[class] * 2 >= facts->words;
}

static bool is_all(const struct facts *facts, enum word_class class)
{
	return facts->words && facts->classes[class] == facts->words;
}

static bool is_small(const struct facts *facts)
{
	return facts->variable->size <= 8;
}

static bool is_one_word(const struct facts *facts)
{
	return facts->widest == 1 && facts->offsets <= 1;
}

static bool has_total_name(const struct facts *facts)
{
	return names_is_total(facts->variable->name);
}

static bool is_libc(const struct facts *facts)
{
	return facts->trap == TRAP_LIBC;
}

static bool is_guard(const struct facts *facts)
{
	return facts->trap == TRAP_GUARD;
}

static bool is_lock(const struct facts *facts)
{
	return facts->trap == TRAP_LOCK;
}

static bool is_stream(const struct facts *facts)
{
	return facts->trap == TRAP_STREAM;
}

static bool is_state(const struct facts *facts)
{
	return facts->trap == TRAP_STATE;
}

static bool is_pid(const struct facts *facts)
{
	return facts->trap == TRAP_PID || is_half(facts, WORD_PID);
}

static bool is_time(const struct facts *facts)
{
	return facts->trap == TRAP_TIME || is_half(facts, WORD_TIME);
}

static bool is_signal(const struct facts *facts)
{
	return facts->trap == TRAP_SIGNAL;
}

static bool is_shared_pointer(const struct facts *facts)
{
	return is_small(facts) && is_all(facts, WORD_SHARED);
}

static bool is_private_pointer(const struct facts *facts)
{
	return is_half(facts, WORD_PRIVATE);
}

static bool is_holder(const struct facts *facts)
{
	return facts->classes[WORD_PRIVATE] && !looks_good(facts);
}

static bool is_counting_holder(const struct facts *facts)
{
	return facts->classes[WORD_PRIVATE];
}

static bool is_pointer(const struct facts *facts)
{
	size_t pointers = facts->classes[WORD_POINTER] + facts->classes[WORD_SHARED];

	return pointers && pointers * 2 >= facts->words;
}

/* Names beside counts are a table of records; a buffer has only positions beside it. */
static bool is_text(const struct facts *facts)
{
	bool has_counts = facts->classes[WORD_COUNTER] || facts->classes[WORD_RESULT];

	return is_half(facts, WORD_TEXT) && !(facts->is_record && has_counts);
}

static bool is_best(const struct facts *facts)
{
	size_t lowered = facts->classes[WORD_LOWERED];
	/* the least of all may be 0 here, and larger there */
	size_t resets = lowered ? facts->classes[WORD_RESET] : 0;
	bool is_down = lowered + resets + facts->classes[WORD_OTHER] == facts->words;

	if (is_one_word(facts) && is_down && facts->words && facts->is_from_extreme)
		return true;
	return names_is_extreme(facts->variable->name) && facts->children > 1 && facts->words &&
	       !facts->is_same && !facts->classes[WORD_POINTER] && !facts->classes[WORD_RESET];
}

static bool is_stock(const struct facts *facts)
{
	return names_is_stock(facts->variable->name) && is_one_word(facts) &&
	       facts->classes[WORD_LOWERED] + facts->classes[WORD_RESET] == facts->words &&
	       facts->classes[WORD_LOWERED];
}

static bool is_result(const struct facts *facts)
{
	return facts->offsets <= 2 && is_all(facts, WORD_RESULT);
}

/* From 0 to 1 here and from 0 to 2 there is one, too: so is what goes up by 1 among others. */
static bool is_counter(const struct facts *facts)
{
	size_t ones = is_small(facts) && facts->least > 0 ? facts->classes[WORD_FLAG] : 0;

	return facts->offsets <= 2 && facts->classes[WORD_COUNTER] &&
	       facts->classes[WORD_COUNTER] + facts->classes[WORD_RESULT] + ones ==
		       facts->words;
}

static bool is_bitmap(const struct facts *facts)
{
	return facts->is_array && facts->classes[WORD_BITS] > 1 && is_half(facts, WORD_BITS) &&
	       looks_good(facts) + facts->classes[WORD_FLAG] == facts->words;
}

/* Few of something is 1 of it: beside larger numbers that is no flag. */
static bool is_table(const struct facts *facts)
{
	size_t ones = facts->is_array && facts->least > 0 ? facts->classes[WORD_FLAG] : 0;

	return looks_good(facts) && looks_good(facts) + ones == facts->words;
}

/* One for each child may be its result, or the place where it is. */
static bool is_mark(const struct facts *facts)
{
	return facts->is_array && facts->offsets > 2 && facts->is_from_zero &&
	       facts->least > 0 && is_all(facts, WORD_FLAG);
}

static bool is_marks(const struct facts *facts)
{
	return is_mark(facts) && facts->widest > 2;
}

/* Whoever shares an array out among children wants it back, whatever they do to it. */
static bool is_parts(const struct facts *facts)
{
	size_t numbers = looks_good(facts) + facts->classes[WORD_LOWERED] +
			 facts->classes[WORD_RESET] + facts->classes[WORD_FLAG] +
			 facts->classes[WORD_OTHER];

	return facts->is_array && facts->is_apart && facts->widest >= PART_MIN &&
	       numbers == facts->words;
}

static bool is_records(const struct facts *facts)
{
	return facts->is_record && facts->classes[WORD_TEXT] &&
	       facts->classes[WORD_COUNTER] + facts->classes[WORD_RESULT] > 0 &&
	       !facts->classes[WORD_CURSOR];
}

static bool is_partly(const struct facts *facts)
{
	if (facts->classes[WORD_OTHER] || facts->classes[WORD_LOWERED])
		return false;
	return looks_good(facts) && looks_good(facts) * 2 >= facts->words;
}

static bool is_partly_named(const struct facts *facts)
{
	return facts->is_record && facts->totals;
}

static bool is_one(const struct facts *facts)
{
	return is_small(facts) && facts->children > 1 && is_all(facts, WORD_FLAG) &&
	       facts->is_from_zero && facts->least > 0 && has_total_name(facts) &&
	       !names_is_own(facts->variable->name);
}

static bool is_reset(const struct facts *facts)
{
	return is_half(facts, WORD_RESET);
}

/* Of a signed sum it is known only by its name that it is no position. */
static bool is_sum(const struct facts *facts)
{
	return (is_one_word(facts) || facts->is_array) && !facts->is_same &&
	       !facts->classes[WORD_DESCRIPTOR] && !facts->classes[WORD_TEXT] &&
	       !is_half(facts, WORD_FLAG) && !is_half(facts, WORD_JUMP) &&
	       (has_total_name(facts) || names_is_stock(facts->variable->name));
}

static bool is_jump(const struct facts *facts)
{
	return is_half(facts, WORD_JUMP);
}

static bool is_flag(const struct facts *facts)
{
	return is_half(facts, WORD_FLAG);
}

static bool is_descriptor(const struct facts *facts)
{
	return is_half(facts, WORD_DESCRIPTOR);
}

static bool is_down(const struct facts *facts)
{
	return is_half(facts, WORD_LOWERED);
}

static bool is_anything(const struct facts *facts)
{
	return facts != NULL;
}

struct looks_rule {
	struct looks looks;
	bool (*applies)(const struct facts *facts);
};

static const struct looks_rule looks_rules[] = {
	/* by name or type */
	{ { LOOKS_LIBC, "libc's or the compiler's own", -100 }, is_libc },
	{ { LOOKS_GUARD, "guard of a C++ static", -100 }, is_guard },
	{ { LOOKS_LOCK, "lock", -60 }, is_lock },
	{ { LOOKS_STREAM, "stream", -60 }, is_stream },
	{ { LOOKS_STATE, "state of a library", -60 }, is_state },
	{ { LOOKS_PID, "pid", -50 }, is_pid },
	{ { LOOKS_TIME, "time", -50 }, is_time },
	{ { LOOKS_SIGNAL, "flag of a signal handler", -30 }, is_signal },
	/* addresses */
	{ { LOOKS_SHARED_POINTER, "pointer into shared memory", 60 }, is_shared_pointer },
	{ { LOOKS_PRIVATE_POINTER, "private pointer", -40 }, is_private_pointer },
	{ { LOOKS_HOLDER, "struct with private pointers", -40 }, is_holder },
	{ { LOOKS_COUNTING_HOLDER, "counters beside private pointers", -15 },
		is_counting_holder },
	{ { LOOKS_POINTER, "pointer", -30 }, is_pointer },
	/* numbers */
	{ { LOOKS_TEXT, "text", -40 }, is_text },
	{ { LOOKS_BEST, "best so far", 35 }, is_best },
	{ { LOOKS_STOCK, "what is left", 35 }, is_stock },
	{ { LOOKS_RESULT, "result", 40 }, is_result },
	{ { LOOKS_COUNTER, "counter", 40 }, is_counter },
	{ { LOOKS_BITMAP, "bitmap", 35 }, is_bitmap },
	{ { LOOKS_TABLE, "table", 35 }, is_table },
	{ { LOOKS_MARKS, "table of marks", 25 }, is_marks },
	{ { LOOKS_MARKS, "a mark in a table", 5 }, is_mark },
	{ { LOOKS_PARTS, "parts of a table", 30 }, is_parts },
	{ { LOOKS_RECORDS, "table of records", 28 }, is_records },
	{ { LOOKS_PARTLY, "counters, and others", 28 }, is_partly },
	{ { LOOKS_PARTLY, "counters, and others", 24 }, is_partly_named },
	{ { LOOKS_ONE, "counts one, or is a flag", 22 }, is_one },
	{ { LOOKS_RESET, "set to 0", -10 }, is_reset },
	{ { LOOKS_SUM, "sum", 25 }, is_sum },
	{ { LOOKS_JUMP, "hash, seed or large sum", 0 }, is_jump },
	{ { LOOKS_FLAG, "flag", -10 }, is_flag },
	{ { LOOKS_DESCRIPTOR, "descriptor", -10 }, is_descriptor },
	{ { LOOKS_DOWN, "goes up and down", 0 }, is_down },
	{ { LOOKS_MIXED, "mixed", 0 }, is_anything },
};

void looks_of(const struct facts *facts, struct looks *ret)
{
	const struct looks_rule *rule = looks_rules;

	while (!rule->applies(facts))
		rule++;
	*ret = rule->looks;
}
