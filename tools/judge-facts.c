/* SPDX-License-Identifier: MIT */
/*
 * judge-facts.c - one variable in several children: do they agree, and how did it go on?
 *
 * Children that agree have copied something, those that differ have done something. A role
 * is set once, right after birth; a tally moves as long as the process lives. All that rules
 * ask is asked here, so that the rules themselves are a table.
 */
#include <string.h>

#include "judge-facts.h"
#include "memory.h"

/* Looks early and late tell a role from a tally only if there is time between them. */
#define SETTLED_US 80000
/* Numbers up to here are as likely chosen as counted. */
#define SMALL 256
/* With fewer children a repetition is chance. */
#define MANY_CHILDREN 4
/* Each is compared with each; more would not change the picture. */
#define PAIRED_CHILDREN 64
/* There are no more children than process ids. */
#define LARGEST_NUMBER (1 << 22)
/* Below, a tenth is less than one. */
#define LARGE 50
/* Where a search for the least begins: at INT_MAX, at 1e9, at DBL_MAX.. */
#define EXTREME 9e8L

static const struct witness *first(const struct facts *facts)
{
	return facts->evidence->witnesses;
}

/* Call @visit for every word of every child; return: did it return true for all? */
static bool all_words(const struct facts *facts, bool (*is_so)(const struct word *word))
{
	for (size_t i = 0; i < facts->children; i++)
		for (size_t j = 0; j < first(facts)[i].word_count; j++)
			if (!is_so(&first(facts)[i].words[j]))
				return false;
	return facts->children > 0;
}

static long double growth(const struct word *word)
{
	return words_value(word, word->after) - words_value(word, word->before);
}

static bool was_zero(const struct word *word)
{
	return !word->before;
}

static bool is_one_more(const struct word *word)
{
	return growth(word) == 1;
}

static bool is_a_little_more(const struct word *word)
{
	long double before = words_value(word, word->before);

	return word->encoding != SEEN_REAL && before > LARGE && growth(word) > 0 &&
	       growth(word) < before / 10;
}

static bool was_extreme(const struct word *word)
{
	long double before = words_value(word, word->before);

	return before >= EXTREME || before <= -EXTREME;
}

static bool are_same(const struct witness *a, const struct witness *b)
{
	if (a->word_count != b->word_count)
		return false;
	for (size_t i = 0; i < a->word_count; i++)
		if (a->words[i].offset != b->words[i].offset ||
			a->words[i].after != b->words[i].after)
			return false;
	return true;
}

/* Words are in the order of their offsets. */
static bool are_apart(const struct witness *a, const struct witness *b)
{
	for (size_t i = 0, j = 0; i < a->word_count && j < b->word_count;) {
		if (a->words[i].offset == b->words[j].offset)
			return false;
		if (a->words[i].offset < b->words[j].offset)
			i++;
		else
			j++;
	}
	return true;
}

/* Return: is it so of every two children, of which there are several? */
static bool all_pairs(const struct facts *facts,
	bool (*is_so)(const struct witness *a, const struct witness *b))
{
	for (size_t i = 0; i < facts->children && i < PAIRED_CHILDREN; i++)
		for (size_t j = 0; j < i; j++)
			if (!is_so(&first(facts)[i], &first(facts)[j]))
				return false;
	return facts->children > 1;
}

/* A member that grows, or a stock that is used up. */
static bool is_total(const struct word *word)
{
	if (!word->member)
		return false;
	if (word->class == WORD_LOWERED)
		return names_is_stock(word->member);
	return (word->class == WORD_COUNTER || word->class == WORD_RESULT) &&
	       names_is_total(word->member);
}

static void count_words(struct facts *facts, const struct word *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		long double value = words_value(&words[i], words[i].after);

		facts->least = !facts->words || value < facts->least ? value : facts->least;
		facts->most = !facts->words || value > facts->most ? value : facts->most;
		facts->classes[words[i].class]++;
		facts->words++;
		facts->totals += is_total(&words[i]);
		facts->is_record |=
			words[i].member &&
			strpbrk(words[i].member,
				".abcdefghijkl"
				"mnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL;
	}
	if (count > facts->widest)
		facts->widest = count;
}

/* Where no child has changed it, the parent's values are what is judged. */
static void count_all(struct facts *facts)
{
	const struct evidence *evidence = facts->evidence;
	struct word *words;

	for (size_t i = 0; i < facts->children; i++)
		count_words(facts, first(facts)[i].words, first(facts)[i].word_count);
	for (size_t i = 0; !facts->children && i < evidence->crash_count; i++) {
		size_t count = words_judge(facts->kin, evidence->crashes[i], &words);

		count_words(facts, words, count);
	}
}

/* Offsets that an earlier child, or the same one, has had are none new. */
static void count_offsets(struct facts *facts)
{
	facts->offsets = facts->widest;
	if (facts->is_apart)
		for (size_t i = facts->offsets = 0; i < facts->children; i++)
			facts->offsets += first(facts)[i].word_count;
}

/* Results between 0 and 1 would follow one another closely, too. */
static bool is_whole(const struct word *word)
{
	long double value = words_value(word, word->after);

	return value >= 0 && value <= LARGEST_NUMBER && value == (uint64_t)value;
}

static bool is_numbered(const struct facts *facts)
{
	long double before = -1;

	if (facts->children < 2 || facts->widest != 1 || facts->offsets != 1 ||
		!all_words(facts, is_whole))
		return false;
	for (size_t i = 0; i < facts->children; i++) {
		const struct word *word = first(facts)[i].words;
		long double value = words_value(word, word->after);

		if (value <= before || (i && value - before > 1))
			return false;
		before = value;
	}
	return before <= facts->children;
}

/* Least and most tell how many there could be; one pass tells how many there are. */
static bool is_few_values(const struct facts *facts)
{
	bool is_there[SMALL] = { 0 };
	size_t values = 0;

	if (facts->children < MANY_CHILDREN || facts->widest != 1 || facts->least < 0 ||
		facts->most >= SMALL || !facts->is_from_zero || facts->is_moving)
		return false;
	for (size_t i = 0; i < facts->children; i++) {
		const struct word *word = first(facts)[i].words;
		size_t value = (size_t)words_value(word, word->after);

		values += !is_there[value];
		is_there[value] = true;
	}
	return values > 1 && values * 2 <= facts->children;
}

static bool is_as_early(const struct witness *witness)
{
	const struct seen_change *early = witness->early, *last = witness->last;

	if (early->word_count != last->word_count)
		return false;
	for (size_t i = 0; i < early->word_count; i++)
		if (early->words[i].offset != last->words[i].offset ||
			early->words[i].after != last->words[i].after)
			return false;
	return true;
}

static void see_motion(struct facts *facts)
{
	size_t settled = 0, still = 0;

	for (size_t i = 0; i < facts->children; i++) {
		const struct witness *witness = &first(facts)[i];

		facts->is_back |= witness->is_back;
		if (kin_age(facts->kin->seen, witness->process, witness->last->at_us) <
			SETTLED_US)
			continue;
		/* who was looked at early shows it in some variable, perhaps not in this one */
		if (!facts->kin->has_early[witness->process])
			continue;
		settled++;
		still += witness->early && is_as_early(witness);
	}
	facts->is_set_once = settled && still == settled;
	facts->is_moving = settled && !still;
}

static bool differs(const struct facts *facts, const struct seen_change *parents)
{
	for (size_t i = 0; i < facts->children; i++)
		for (size_t j = 0; j < first(facts)[i].word_count; j++)
			for (size_t k = 0; k < parents->word_count; k++)
				if (parents->words[k].offset ==
						first(facts)[i].words[j].offset &&
					parents->words[k].after !=
						first(facts)[i].words[j].after)
					return true;
	return false;
}

static bool is_parents_own(const struct facts *facts)
{
	for (size_t i = 0; i < facts->evidence->parent_count; i++)
		if (differs(facts, facts->evidence->parents[i]))
			return true;
	return false;
}

/* The child that crashed had not set it for itself. */
static bool is_crash(const struct facts *facts)
{
	const struct evidence *evidence = facts->evidence;

	for (size_t i = 0; i < evidence->crash_count; i++)
		for (size_t j = 0; j < facts->children; j++)
			if (first(facts)[j].process == evidence->crashes[i]->process)
				return false;
	return evidence->crash_count > 0;
}

static bool is_system(const struct seen_object *object)
{
	static const char *const places[] = { "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/" };

	for (size_t i = 0; object->kind == SEEN_NEEDED && i < 4; i++)
		if (!strncmp(object->path, places[i], strlen(places[i])))
			return true;
	return false;
}

static bool is_tally(const struct word *word)
{
	return word->class == WORD_COUNTER || word->class == WORD_RESULT;
}

const struct word *facts_main_word(const struct witness *witness)
{
	const struct word *found = NULL;

	for (size_t i = 0; i < witness->word_count; i++) {
		const struct word *word = &witness->words[i];

		if (is_tally(word) && word->member && names_is_total(word->member))
			return word;
		if (!found || (!is_tally(found) && is_tally(word)))
			found = word;
	}
	return found;
}

static void compare_children(struct facts *facts)
{
	facts->is_same = all_pairs(facts, are_same);
	facts->is_apart = all_pairs(facts, are_apart);
	facts->is_from_zero = all_words(facts, was_zero);
	facts->is_one_more = all_words(facts, is_one_more);
	facts->is_a_little_more = all_words(facts, is_a_little_more);
	facts->is_from_extreme = all_words(facts, was_extreme);
}

void facts_gather(const struct kin *kin, const struct evidence *evidence, struct facts *ret)
{
	const struct seen *seen = kin->seen;
	const struct seen_variable *variable = &seen->variables[evidence->variable];

	*ret = (struct facts){
		.kin = kin,
		.evidence = evidence,
		.variable = variable,
		.trap = names_trap(variable),
		.children = evidence->witness_count,
		.is_system = is_system(&seen->objects[variable->object]),
	};
	count_all(ret);
	compare_children(ret);
	count_offsets(ret);
	see_motion(ret);
	ret->is_array = !ret->is_record && (ret->offsets > 1 || variable->size > 8);
	ret->is_many = variable->type && strchr(variable->type, '[');
	ret->is_numbered = is_numbered(ret);
	ret->is_few_values = is_few_values(ret);
	ret->is_parents_own = is_parents_own(ret);
	ret->is_crash = is_crash(ret);
}
