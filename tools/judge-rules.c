/* SPDX-License-Identifier: MIT */
/*
 * judge-rules.c - what speaks for a variable, and what against it: read the table
 *
 * To the points of what it looks like every rule that applies adds its own, and its reason,
 * which is printed. The numbers were found by trying them on programs whose lost variables
 * were known; 38 points are a suggestion, 20 a perhaps (see `judge`). So a counter of which
 * nothing else is known, 40, is one; and it takes one strong objection to bury it.
 */
#include <string.h>

#include "judge-rules.h"

static bool is_small(const struct facts *facts)
{
	return facts->variable->size <= 8;
}

static bool is_pointer(const struct facts *facts)
{
	return is_small(facts) && facts->words && facts->classes[WORD_SHARED] == facts->words;
}

static bool has_total_name(const struct facts *facts)
{
	return names_is_total(facts->variable->name);
}

static bool is_by_several(const struct facts *facts)
{
	return facts->children > 1;
}

static bool is_different(const struct facts *facts)
{
	return facts->children > 1 && !facts->is_same;
}

static bool is_different_from_zero(const struct facts *facts)
{
	return !facts->is_same && facts->is_from_zero;
}

static bool is_moving(const struct facts *facts)
{
	return facts->is_moving;
}

static bool is_parents_own(const struct facts *facts)
{
	return facts->is_parents_own;
}

static bool is_struct_of_counters(const struct facts *facts)
{
	return facts->is_record && facts->widest > 1 && looks_good(facts) > facts->children;
}

static bool is_own_part(const struct facts *facts)
{
	return facts->is_apart && facts->is_array;
}

static bool is_own_record(const struct facts *facts)
{
	return facts->is_apart && facts->children > 2 && facts->is_record;
}

static bool is_huge(const struct facts *facts)
{
	return facts->variable->size > 1 << 20;
}

static bool is_large(const struct facts *facts)
{
	return facts->variable->size > 1 << 16;
}

static bool is_named_own(const struct facts *facts)
{
	return names_is_own(facts->variable->name) || names_is_time(facts->variable->name);
}

static bool is_named_extreme(const struct facts *facts)
{
	return names_is_extreme(facts->variable->name);
}

static bool is_named_ticket(const struct facts *facts)
{
	return names_is_ticket(facts->variable->name);
}

static bool is_atomic(const struct facts *facts)
{
	return facts->variable->type && strstr(facts->variable->type, "tomic");
}

static bool is_enum(const struct facts *facts)
{
	return facts->variable->type && !strncmp(facts->variable->type, "enum ", 5);
}

static bool is_role(const struct facts *facts)
{
	return facts->is_set_once && (facts->most < 256 || facts->is_same);
}

static bool is_set_once(const struct facts *facts)
{
	return facts->is_set_once && !is_role(facts);
}

static bool is_numbered(const struct facts *facts)
{
	return facts->is_numbered;
}

static bool is_few_values(const struct facts *facts)
{
	return facts->is_few_values;
}

static bool is_back(const struct facts *facts)
{
	return facts->is_back;
}

/* A counter that was seen counting may well end the same everywhere. */
static bool is_same(const struct facts *facts)
{
	return facts->is_same && facts->is_from_zero && !facts->is_moving;
}

static bool is_same_table(const struct facts *facts)
{
	return is_same(facts) && facts->widest > 2;
}

static bool is_same_nameless(const struct facts *facts)
{
	return is_same(facts) && facts->widest <= 2 && !has_total_name(facts) && !facts->totals;
}

static bool is_same_named(const struct facts *facts)
{
	return is_same(facts) && facts->widest <= 2 && (has_total_name(facts) || facts->totals);
}

/* Sums of fractions that come out the same to the last bit are none. */
static bool is_same_setting(const struct facts *facts)
{
	return facts->is_same && !facts->is_from_zero &&
	       facts->classes[WORD_RESULT] == facts->words && !facts->is_moving;
}

/* A table of such records is a scoreboard. */
static bool is_about_itself(const struct facts *facts)
{
	return facts->is_record && !facts->is_many && facts->classes[WORD_PID] > 0;
}

static bool is_one_more(const struct facts *facts)
{
	return facts->is_same && !facts->is_from_zero && facts->is_one_more;
}

static bool is_reference_count(const struct facts *facts)
{
	return facts->is_a_little_more && !is_small(facts);
}

static bool is_a_little_more(const struct facts *facts)
{
	return facts->is_a_little_more && is_small(facts);
}

static bool is_local(const struct facts *facts)
{
	return facts->variable->is_in_function;
}

static bool is_systems(const struct facts *facts)
{
	return facts->is_system;
}

static bool is_one_of_many(const struct facts *facts)
{
	return facts->children == 1 && facts->kin->workers > 2 &&
	       facts->classes[WORD_COUNTER] == facts->words;
}

static bool is_only_parents(const struct facts *facts)
{
	return !facts->children && !is_pointer(facts);
}

/* Memory that a child has mapped for itself is not there in any other. */
static bool is_own_pointer(const struct facts *facts)
{
	return is_pointer(facts) && facts->children > 1;
}

static bool is_crash_pointer(const struct facts *facts)
{
	return facts->is_crash && is_pointer(facts);
}

static bool is_crash_word(const struct facts *facts)
{
	return facts->is_crash && is_small(facts) && !is_pointer(facts);
}

struct rule {
	int points;
	const char *reason;
	bool (*applies)(const struct facts *facts);
};

static const struct rule rules[] = {
	/* for */
	{ 10, "several children changed it", is_by_several },
	{ 10, "each child has a value of its own", is_different },
	{ 5, "from 0", is_different_from_zero },
	{ 5, "it went on counting", is_moving },
	{ 5, "the parent counts, too", is_parents_own },
	{ 5, "each child fills its own part of it", is_own_part },
	{ 8, "several counters in one struct", is_struct_of_counters },
	{ 5, "a single number", is_small },
	{ 8, "its name says that something is summed up", has_total_name },
	{ 6, "its name says that it is the best of all", is_named_extreme },
	{ 8, "its name says that it gives out each number once", is_named_ticket },
	{ 5, "it is atomic: meant for several", is_atomic },
	{ 35, "the parent set it after the fork, and a child crashed without it",
		is_crash_pointer },
	{ 10, "the parent set it after the fork, and a child crashed without it",
		is_crash_word },
	/* against */
	{ -55, "each child has memory of its own there", is_own_pointer },
	{ -35, "every child fills it with the same", is_same_table },
	{ -25, "every child sets the same", is_same_nameless },
	{ -10, "every child comes to the same", is_same_named },
	{ -25, "every child sets the same", is_same_setting },
	{ -20, "every child adds 1, once", is_one_more },
	{ -30, "set once, right after the fork", is_role },
	{ -12, "set once, right after the fork", is_set_once },
	{ -35, "it is the number of the child", is_numbered },
	{ -30, "a few values again and again", is_few_values },
	{ -30, "in the end it was as at the fork", is_back },
	{ -35, "a little more of a large number: a count of references", is_reference_count },
	{ -15, "a little more of a large number", is_a_little_more },
	{ -35, "its name says that each process has its own", is_named_own },
	{ -35, "a state by its type", is_enum },
	{ -10, "each child has a record of its own", is_own_record },
	{ -35, "the pid in it says that each process has its own", is_about_itself },
	{ -8, "static in a function", is_local },
	{ -5, "one child of many changed it", is_one_of_many },
	{ -25, "only the parent changed it", is_only_parents },
	{ -8, "it is large", is_large },
	{ -8, "it is huge", is_huge },
	{ -30, "part of a library of the system", is_systems },
};
_Static_assert(
	sizeof(rules) / sizeof(rules[0]) + 4 <= RULES_MAX, "room for each, and for proofs");

void rules_add(struct ruling *ruling, int points, const char *text)
{
	ruling->points += points;
	if (ruling->argument_count < RULES_MAX)
		ruling->arguments[ruling->argument_count++] = (struct argument){ points, text };
}

void rules_apply(const struct facts *facts, struct ruling *ret)
{
	*ret = (struct ruling){ 0 };
	looks_of(facts, &ret->looks);
	rules_add(ret, ret->looks.points, ret->looks.name);
	for (size_t i = 0; ret->looks.points > 0 && i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].applies(facts))
			rules_add(ret, rules[i].points, rules[i].reason);
}
