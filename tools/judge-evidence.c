/* SPDX-License-Identifier: MIT */
/*
 * judge-evidence.c - of several looks at a living process, the one that counts
 *
 * The last look is the fullest, but not when the process has tidied up behind itself: a
 * server that ends in good order clears its tables first. So a look at the end that has more
 * zeros than the one before it is not taken, and what was touched for the first time after
 * the signal to end is no evidence at all. What was changed while it lived, and is as at birth
 * in the end, either was tidied up or is a depth, a mark, a pointer into something at hand.
 */
#include "judge-evidence.h"
#include "memory.h"

static size_t zeros(const struct seen_change *change)
{
	size_t count = 0;

	for (size_t i = 0; i < change->word_count; i++)
		count += change->words[i].after == 0;
	return count;
}

/* The changes of one variable by one process, in the order in which they were seen. */
struct looks {
	const struct seen_change *early, *alive, *end;
};

static void note(struct looks *looks, const struct seen_change *change)
{
	if (change->when == SEEN_EARLY)
		looks->early = change;
	else if (change->when == SEEN_END)
		looks->end = change;
	else
		looks->alive = change;
}

/* Return: the look that counts, or NULL. */
static const struct seen_change *choose(
	const struct kin *kin, size_t process, const struct looks *looks)
{
	if (!looks->end)
		return looks->alive ? looks->alive : looks->early;
	if (looks->alive)
		return zeros(looks->end) > zeros(looks->alive) ? looks->alive : looks->end;
	return kin->has_signal[process] ? NULL : looks->end;
}

static void add_witness(struct evidence *evidence, const struct kin *kin, size_t process,
	const struct looks *looks)
{
	struct witness witness = { .process = process, .early = looks->early };

	witness.last = choose(kin, process, looks);
	if (!witness.last)
		return;
	witness.is_back = !looks->end && witness.last->when != SEEN_SIGNAL &&
			  kin->seen->processes[process].end_us;
	witness.word_count = words_judge(kin, witness.last, &witness.words);
	if (!witness.word_count)
		return;
	evidence->witnesses =
		memory_grow(evidence->witnesses, evidence->witness_count, sizeof(witness));
	evidence->witnesses[evidence->witness_count++] = witness;
}

static void add_change(
	const struct seen_change ***list, size_t *count, const struct seen_change *change)
{
	*list = memory_grow(*list, *count, sizeof(**list));
	(*list)[(*count)++] = change;
}

static bool is_by_child(const struct seen_change *change)
{
	return change->when != SEEN_PARENT && change->when != SEEN_CRASH;
}

static void gather(
	struct evidence *evidence, const struct kin *kin, const size_t *order, size_t count)
{
	const struct seen *seen = kin->seen;
	struct looks *looks = memory_get(seen->process_count * sizeof(*looks));

	for (size_t i = 0; i < count; i++) {
		const struct seen_change *change = &seen->changes[order[i]];

		if (change->when == SEEN_CRASH)
			add_change(&evidence->crashes, &evidence->crash_count, change);
		else if (change->when == SEEN_PARENT)
			add_change(&evidence->parents, &evidence->parent_count, change);
		else if (kin->is_child[change->process] && is_by_child(change))
			note(&looks[change->process], change);
	}
	for (size_t i = 0; i < seen->process_count; i++)
		if (looks[i].early || looks[i].alive || looks[i].end)
			add_witness(evidence, kin, i, &looks[i]);
}

/* Changes by variable, each list as it was seen. */
static size_t **sort_changes(const struct seen *seen, size_t *counts)
{
	size_t **lists = memory_get(seen->variable_count * sizeof(*lists));

	for (size_t i = 0; i < seen->change_count; i++) {
		size_t variable = seen->changes[i].variable;

		lists[variable] = memory_grow(
			lists[variable], counts[variable], sizeof(*lists[variable]));
		lists[variable][counts[variable]++] = i;
	}
	return lists;
}

size_t evidence_gather(const struct kin *kin, struct evidence **ret)
{
	const struct seen *seen = kin->seen;
	size_t *counts = memory_get(seen->variable_count * sizeof(*counts)), count = 0;
	size_t **lists = sort_changes(seen, counts);

	*ret = memory_get(seen->variable_count * sizeof(**ret));
	for (size_t i = 0; i < seen->variable_count; i++) {
		struct evidence *evidence = &(*ret)[count];

		*evidence = (struct evidence){ .variable = i };
		gather(evidence, kin, lists[i], counts[i]);
		count += evidence->witness_count || evidence->crash_count;
	}
	return count;
}
