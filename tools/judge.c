/* SPDX-License-Identifier: MIT */
/*
 * judge.c - from what was seen to a short list
 *
 * Each changed variable gets its points (`judge-rules`); here they are put in order and cut
 * off. A tool that cries at every global would not be read twice, so the thresholds are chosen
 * for ordinary programs to give an empty list: better to miss a lost counter that looks like
 * an index than to suggest an index. Variables of one make, as a compiler's counters for
 * coverage, are one row with a pattern.
 */
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "memory.h"

/* A counter of which nothing else is known has 40. */
#define POINTS_SHARE   38
#define POINTS_PERHAPS 20
/* More than any variable can get: nothing in an interpreter is suggested. */
#define POINTS_INTERPRETER (-100)
/* Two of a kind are two variables. */
#define FAMILY_MIN 3

static enum opinion opinion_of(const struct finding *finding)
{
	if (finding->ruling.points >= POINTS_SHARE)
		return OPINION_SHARE;
	return finding->ruling.points >= POINTS_PERHAPS ? OPINION_PERHAPS : OPINION_LEFT;
}

/* The smaller is the cheaper to look at. */
static int by_points(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->ruling.points != y->ruling.points)
		return x->ruling.points < y->ruling.points ? 1 : -1;
	if (x->facts.variable->size != y->facts.variable->size)
		return x->facts.variable->size < y->facts.variable->size ? -1 : 1;
	return (x->facts.variable > y->facts.variable) -
	       (x->facts.variable < y->facts.variable);
}

void judge_sort(struct judgement *judgement)
{
	for (size_t i = 0; i < judgement->count; i++)
		judgement->findings[i].opinion = opinion_of(&judgement->findings[i]);
	qsort(judgement->findings, judgement->count, sizeof(*judgement->findings), by_points);
}

static bool is_member(const struct finding *finding, const char *family)
{
	const char *name = finding->facts.variable->name;

	return name && !strncmp(name, family, strlen(family));
}

static struct finding *copy(const struct finding *finding)
{
	struct finding *twin = memory_get(sizeof(*twin));

	*twin = *finding;
	return twin;
}

/* Put all of the family of @list[first] into that one; return: how many are left. */
static size_t gather(struct finding *list, size_t count, size_t first, char *family)
{
	struct finding *head = &list[first];
	size_t kept = first + 1;

	head->pattern = memory_format("%s*", family);
	for (size_t i = first; i < count; i++) {
		if (!is_member(&list[i], family)) {
			list[kept++] = list[i];
			continue;
		}
		head->members =
			memory_grow(head->members, head->member_count, sizeof(*head->members));
		head->members[head->member_count++] = copy(&list[i]);
		head->wiped_count += list[i].facts.classes[WORD_RESET] > 0;
	}
	return kept;
}

static void gather_families(struct judgement *judgement)
{
	struct finding *list = judgement->findings;

	for (size_t i = 0; i < judgement->count; i++) {
		char *family = names_family(list[i].facts.variable->name);
		size_t members = 0;

		for (size_t j = i; family && j < judgement->count; j++)
			members += is_member(&list[j], family);
		if (members >= FAMILY_MIN)
			judgement->count = gather(list, judgement->count, i, family);
		free(family);
	}
}

static void rule(struct judgement *judgement, struct finding *finding)
{
	rules_apply(&finding->facts, &finding->ruling);
	if (judgement->interpreter)
		rules_add(&finding->ruling, POINTS_INTERPRETER, "part of an interpreter");
}

void judge(const struct seen *seen, struct judgement *ret)
{
	struct evidence *evidence;

	*ret = (struct judgement){ .seen = seen, .interpreter = interpreter_of(seen) };
	kin_find(seen, &ret->kin);
	ret->count = evidence_gather(&ret->kin, &evidence);
	ret->findings = memory_get(ret->count * sizeof(*ret->findings));
	for (size_t i = 0; i < ret->count; i++) {
		facts_gather(&ret->kin, &evidence[i], &ret->findings[i].facts);
		rule(ret, &ret->findings[i]);
	}
	judge_sort(ret);
	gather_families(ret);
}
