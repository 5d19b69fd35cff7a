/* SPDX-License-Identifier: MIT */
/*
 * show-suggest-minds.c - what changes with sharing, told to who is about to share
 *
 * A variable that was private could be used without a thought of others. Shared, two processes
 * may add to it at once, one may wipe what the others have counted, and a lock that did for
 * threads does nothing between processes.
 */
#include "memory.h"
#include "say.h"
#include "show-suggest.h"

static void mind(FILE *file, bool *is_first, const char *text)
{
	say_to(file, memory_format("  %-19s  %s", *is_first ? "mind:" : "", text));
	fputc('\n', file);
	*is_first = false;
}

static bool is_updated(const struct finding *finding)
{
	enum looks_kind kind = finding->ruling.looks.kind;

	return finding->opinion != OPINION_LEFT && finding->facts.children > 1 &&
	       !finding->facts.is_apart && kind != LOOKS_SHARED_POINTER;
}

static void mind_updates(FILE *file, const struct suggestion *it, bool *is_first)
{
	bool is_any = false;

	for (size_t i = 0; i < it->judgement->count; i++)
		is_any |= is_updated(&it->judgement->findings[i]);
	if (is_any)
		mind(file, is_first,
			memory_format(
				"%zu processes may change these at once: x += 1 loses updates "
				"then; use __atomic_fetch_add(), or fondue_spin_lock()",
				it->judgement->kin.children));
}

static void mind_lock(
	FILE *file, const struct finding *finding, const char *name, bool *is_first)
{
	if (finding->lock)
		mind(file, is_first,
			memory_format(
				"if %s, beside %s, is its lock, share it, too: it locks one "
				"process only as long as it is private",
				finding->lock, name));
}

/* Of a stock nothing may be left, and the least of all may be 0: that wipes nothing. */
static bool is_meant(const struct finding *finding)
{
	enum looks_kind kind = finding->ruling.looks.kind;

	return kind == LOOKS_STOCK || kind == LOOKS_BEST;
}

static void mind_wiping(
	FILE *file, const struct finding *finding, const char *name, bool *is_first)
{
	if (finding->wiped_count)
		mind(file, is_first,
			memory_format(
				"%zu of %s are set to 0 by a child: shared, it wipes what "
				"the others have counted",
				finding->wiped_count, name));
	else if (finding->trial.cleared && !is_meant(finding))
		mind(file, is_first,
			memory_format(
				"a child sets %s to 0 in %s: shared, it wipes what the others "
				"have counted",
				name,
				finding->trial.cleared->where ? finding->trial.cleared->where :
								"a place that is not known"));
	else if (finding->facts.classes[WORD_RESET] && !is_meant(finding))
		mind(file, is_first,
			memory_format(
				"a child sets %s, or a part of it, to 0: shared, it wipes "
				"what the others have counted",
				name));
}

static void mind_late(
	FILE *file, const struct finding *finding, const char *name, bool *is_first)
{
	const struct seen *seen = finding->facts.kin->seen;

	if (!finding->facts.is_crash || !seen->crash_count)
		return;
	mind(file, is_first,
		memory_format("the parent sets %s after the fork; a child crashed with the old "
			      "value, in %s: it must wait until it is set",
			name,
			seen->crashes[0].where ? seen->crashes[0].where : "an unknown place"));
}

void show_suggest_minds(FILE *file, const struct suggestion *it)
{
	bool is_first = true;

	mind_updates(file, it, &is_first);
	for (size_t i = 0; i < it->judgement->count; i++) {
		const struct finding *finding = &it->judgement->findings[i];
		const char *name = show_suggest_name(it->judgement, finding);

		if (finding->opinion == OPINION_LEFT)
			continue;
		mind_lock(file, finding, name, &is_first);
		mind_wiping(file, finding, name, &is_first);
		mind_late(file, finding, name, &is_first);
	}
	if (!it->is_twice)
		mind(file, &is_first,
			"who reads them is not known: --twice runs the program again, to see");
}
