/* SPDX-License-Identifier: MIT */
/*
 * judge-proof.c - "did anybody read it?" can be known, if the program is run once more
 *
 * Four addresses can be watched by the processor itself. In the second run they are those of
 * the best candidates, and each access is told with its line. If a child has written, and then
 * its parent reads, and does not see it, then something was lost, whatever the variable is
 * called. That nobody reads it proves nothing: the reader may be the next version of the
 * program.
 */
#include <string.h>

#include "judge.h"

/* Enough to carry a counter that every child ends with the same value, or that counts one. */
#define POINTS_READ 30
/* Where the parent reads another of them, what it does not read is a state of each process. */
#define POINTS_UNREAD (-35)
/* Where it reads none, they may still be meant for somebody: perhaps. */
#define POINTS_UNREAD_MAX 37
/* What looks like a flag by its values begins below 0. */
#define POINTS_FLAG_READ 40

/* Flags are worth a register, if one is left; what is a pointer or text by certainty is not. */
static bool is_worth(const struct finding *finding)
{
	if (finding->pattern)
		return false;
	return finding->ruling.points > 0 || finding->ruling.looks.kind == LOOKS_FLAG;
}

/* A register watches 8 bytes at most: of a large variable, the word that stands for it. */
static void watch(const struct judgement *judgement, const struct finding *finding,
	struct observe_options *options)
{
	const struct seen_variable *variable = finding->facts.variable;
	const struct word *word = finding->facts.children ?
					  facts_main_word(finding->facts.evidence->witnesses) :
					  NULL;
	unsigned at = options->watched_count++;

	options->watched[at] = variable;
	options->watched_objects[at] = judgement->seen->objects[variable->object].path;
	options->watched_offsets[at] = word ? word->offset : 0;
	options->watched_widths[at] = word ? word->width : 0;
}

void judge_pick(const struct judgement *judgement, struct observe_options *options)
{
	for (size_t i = 0; i < judgement->count; i++)
		if (options->watched_count < OBSERVE_WATCHED_MAX &&
			is_worth(&judgement->findings[i]))
			watch(judgement, &judgement->findings[i], options);
}

static bool is_same_variable(const struct judgement *judgement, const struct finding *finding,
	const struct seen *again, size_t index)
{
	const struct seen_variable *old = finding->facts.variable,
				   *new = &again->variables[index];

	return old->address == new->address &&
	       !strcmp(judgement->seen->objects[old->object].path,
		       again->objects[new->object].path);
}

/* A child wrote @written; does the parent, at @read, see another value? */
static bool is_missed(const struct seen *again, const struct seen_access *written,
	const struct seen_access *read)
{
	return written->is_write && !read->is_write && read->at_us > written->at_us &&
	       read->value != written->value &&
	       kin_is_ancestor(again, read->process, written->process);
}

static void note_child(
	struct trial *trial, const struct seen *again, const struct seen_access *access)
{
	if (!access->is_write || again->processes[access->process].parent == SEEN_NOBODY)
		return;
	if (!trial->written)
		trial->written = access;
	if (!access->value && !trial->cleared)
		trial->cleared = access;
}

static void note_read(
	struct trial *trial, const struct seen *again, const struct seen_access *read)
{
	for (size_t i = 0; i < again->access_count; i++) {
		const struct seen_access *written = &again->accesses[i];

		if (written->variable != read->variable || !is_missed(again, written, read))
			continue;
		trial->written = written;
		trial->read = read;
		return;
	}
}

static void find_trial(
	const struct judgement *judgement, struct finding *finding, const struct seen *again)
{
	struct trial *trial = &finding->trial;

	for (size_t i = 0; i < again->access_count; i++) {
		const struct seen_access *access = &again->accesses[i];

		if (!is_same_variable(judgement, finding, again, access->variable))
			continue;
		trial->was_touched = true;
		note_child(trial, again, access);
		if (!access->is_write && !trial->read)
			note_read(trial, again, access);
	}
}

static bool was_watched(const struct finding *finding, const struct observe_options *options)
{
	for (unsigned i = 0; i < options->watched_count; i++)
		if (options->watched[i] == finding->facts.variable)
			return true;
	return false;
}

static bool has_read(const struct judgement *judgement)
{
	for (size_t i = 0; i < judgement->count; i++)
		if (judgement->findings[i].trial.read)
			return true;
	return false;
}

/* Below a suggestion: what nobody reads is not missed, in this run. */
static void cut_unread(struct finding *finding)
{
	if (finding->ruling.points > POINTS_UNREAD_MAX)
		rules_add(&finding->ruling, POINTS_UNREAD_MAX - finding->ruling.points,
			"nobody but the children was seen reading it");
}

/* Only what a register watches as a whole was surely not read. */
static void object_to_unread(struct judgement *judgement)
{
	bool has_comparison = has_read(judgement);

	for (size_t i = 0; i < judgement->count; i++) {
		struct finding *finding = &judgement->findings[i];

		if (!finding->trial.written || finding->trial.read ||
			finding->facts.variable->size > 8)
			continue;
		if (has_comparison)
			rules_add(
				&finding->ruling, POINTS_UNREAD, "the parent did not read it");
		cut_unread(finding);
	}
}

void judge_again(struct judgement *judgement, const struct seen *again)
{
	struct observe_options options = { 0 };

	judge_pick(judgement, &options);
	for (size_t i = 0; i < judgement->count; i++) {
		struct finding *finding = &judgement->findings[i];
		bool is_flag = finding->ruling.looks.kind == LOOKS_FLAG;

		finding->trial.is_watched = was_watched(finding, &options);
		if (finding->trial.is_watched)
			find_trial(judgement, finding, again);
		if (finding->trial.read)
			rules_add(&finding->ruling, is_flag ? POINTS_FLAG_READ : POINTS_READ,
				"the parent read it later, and did not see the child's value");
	}
	object_to_unread(judgement);
	judge_sort(judgement);
}
