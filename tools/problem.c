/* SPDX-License-Identifier: MIT */
/*
 * problem.c - the runtime's refusals under names that do not change
 *
 * Causes and cures are prose and get better with time; programs that read --json go by
 * the code. What the loader or the kernel may object to at run time has no code here.
 */
#include "memory.h"
#include "problem.h"

static const char *const codes[REASON_COUNT] = {
	[REASON_NOTE_DAMAGED] = "note-damaged",
	[REASON_NOTE_VERSION] = "note-version",
	[REASON_NOTES_DISAGREE] = "notes-disagree",
	[REASON_TOO_MANY_SEGMENTS] = "too-many-segments",
	[REASON_SECTION_MOVED] = "section-moved",
	[REASON_BACKWARDS] = "section-backwards",
	[REASON_HEAD_OUTSIDE] = "piece-outside",
	[REASON_PAGE_LARGER] = "page-larger",
	[REASON_START_UNALIGNED] = "start-unaligned",
	[REASON_STOP_UNALIGNED] = "stop-unaligned",
	[REASON_OUTSIDE] = "section-outside",
	[REASON_NOT_WRITABLE] = "not-writable",
	[REASON_EXECUTABLE] = "executable",
	[REASON_RELRO] = "relro",
	[REASON_FOREIGN] = "foreign",
	[REASON_RANGES_OVERLAP] = "overlap",
	[REASON_BINDING] = "binding",
	[REASON_COPY_RELOCATION] = "copy-relocation",
	[REASON_INTERPOSED] = "interposed",
};

void problem_add(struct problems *problems, struct problem problem)
{
	problems->list = memory_grow(problems->list, problems->count, sizeof(problem));
	problems->list[problems->count++] = problem;
}

/* The texts hold at most one %lx or %lu; they are constants of the runtime. */
static char *cause_text(const struct refusal *refusal)
{
	return memory_format(
		refusal_cause(refusal->reason), (unsigned long)refusal->value);
}

void problem_add_refusal(
	struct problems *problems, const struct refusal *refusal, const char *detail)
{
	const char *code = codes[refusal->reason];
	const char *cause = cause_text(refusal);

	problem_add(problems,
		(struct problem){
			.code = code ? code : "other",
			.section = refusal->kind,
			.symbol = refusal->symbol,
			.cause = detail ? memory_format("%s%s", cause, detail) : cause,
			.cure = refusal_cure(refusal->reason),
		});
}

bool problem_is_there(const struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		if (!problems->list[i].is_note)
			return true;
	return false;
}
