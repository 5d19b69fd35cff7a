/* SPDX-License-Identifier: MIT */
/*
 * layout.c - the proof's verdict, and traps that leave no trace in the headers
 *
 * A variable can miss its section, and the proof still holds for the section: the object
 * file was edited with objcopy, and there are two output sections of the name; a compiler
 * quoted a name that was meant to be read by the assembler; the attribute was written
 * without the header, and there is no note. The runtime cannot see those, since only the
 * section table shows them.
 */
#include <string.h>

#include "examine.h"
#include "memory.h"

/* As many names tell enough. */
#define NAMED_MAX 6

static char *list_variables(
	const struct variable *list, size_t count, const char *section, const char *found)
{
	char *text = memory_copy("");
	size_t named = 0;

	for (size_t i = 0; i < count; i++) {
		if (section && (!list[i].section || strcmp(list[i].section, section)))
			continue;
		if (named++ == NAMED_MAX)
			return memory_format("%s and others", text);
		text = memory_format("%s%s%s (%lu byte%s)", text,
			named > 1 ? ", " : found, list[i].name,
			(unsigned long)list[i].size, list[i].size == 1 ? "" : "s");
	}
	return text;
}

/* An end in the middle of a page: who lies there, and which variable came last? */
static const char *describe_pages(
	const struct subject *subject, const struct refusal *refusal)
{
	const struct contents *contents = &subject->contents;
	const struct variable *last = NULL;
	char *text;

	if (refusal->reason != REASON_STOP_UNALIGNED &&
		refusal->reason != REASON_START_UNALIGNED)
		return NULL;
	text = list_variables(contents->neighbours, contents->neighbour_count, NULL,
		"; in its pages: ");
	for (size_t i = 0; i < contents->variable_count; i++)
		if (contents->variables[i].section &&
			!strcmp(contents->variables[i].section, refusal->kind))
			last = &contents->variables[i];
	if (!last || refusal->reason != REASON_STOP_UNALIGNED)
		return text;
	text = memory_format("%s; the last variable in it is %s", text, last->name);
	return last->file ? memory_format("%s (%s:%d)", text, last->file, last->line) :
			    text;
}

static bool concerns_note(enum reason reason)
{
	return reason <= REASON_TOO_MANY_SEGMENTS;
}

/* The proof stops at the first reason; here each of the two sections has its say. */
static void add_refusals(struct subject *subject)
{
	struct proof proof = subject->object.proof;

	for (unsigned kind = 0; proof.refusal.reason; kind++) {
		struct refusal refusal = proof.refusal;

		problem_add_refusal(
			&subject->problems, &refusal, describe_pages(subject, &refusal));
		if (concerns_note(refusal.reason) || !refusal.kind || kind == KIND_COUNT)
			return;
		for (unsigned i = 0; i < KIND_COUNT; i++)
			if (!strcmp(kind_name[i], refusal.kind))
				proof.ranges[i] = (struct range){ 0 };
		proof.refusal = (struct refusal){ 0 };
		proof_finish(&proof);
	}
}

/* Of a section that the notes do not name: why it is there. */
static void check_stray(struct subject *subject, const struct section *section)
{
	const struct contents *contents = &subject->contents;
	const char *variables = list_variables(
		contents->variables, contents->variable_count, section->name, ": ");
	struct problem problem = { .section = section->name };

	if (strchr(section->name, ',')) {
		problem.code = "quoted-section";
		problem.cause =
			"the compiler did not hand the section's name to the assembler "
			"as it stands";
		problem.cure = "build with -DFONDUE_PLAIN_SECTIONS";
	} else if (section->flags & SHF_TLS) {
		problem.code = "thread-local";
		problem.cause = "thread-local variables are in it";
		problem.cure = "remove _Thread_local from the annotated variables";
	} else if (!(section->flags & SHF_WRITE)) {
		problem.code = "read-only-section";
		problem.cause = memory_format("it is read-only%s", variables);
		problem.cure = "remove const from the annotated variables";
	} else if (!subject->object.is_annotated) {
		problem.code = "no-note";
		problem.cause =
			memory_format("the object has no fondue note%s", variables);
		problem.cure =
			"include <fondue/shared.h> in the files that use the section";
	} else {
		problem.code = "duplicate-section";
		problem.cause =
			memory_format("the linker made a second section of this name, "
				      "at 0x%lx, outside of the shared one",
				(unsigned long)section->address);
		problem.cure = "give it the type of the other: objcopy --rename-section "
			       "OLD=shared,alloc,load,data,contents";
	}
	problem_add(&subject->problems, problem);
}

static void check_sections(struct subject *subject)
{
	const struct contents *contents = &subject->contents;

	for (size_t i = 0; i < contents->section_count; i++) {
		const struct section *section = &contents->sections[i];

		if (section->address == section->end ||
			proof_holds(&subject->object.proof, section->address, section->end))
			continue;
		/* that the whole section is wrong has been said */
		if (subject->object.proof.refusal.reason &&
			concerns_note(subject->object.proof.refusal.reason))
			continue;
		check_stray(subject, section);
	}
}

static void check_functions(struct subject *subject)
{
	const struct contents *contents = &subject->contents;
	struct problem problem = {
		.code = "function",
		.cause = "it is a function, in pages that are not executable",
		.cure = "annotate variables only",
	};

	for (size_t i = 0; i < contents->variable_count; i++) {
		if (!contents->variables[i].is_function)
			continue;
		problem.section = contents->variables[i].section;
		problem.symbol = contents->variables[i].name;
		problem_add(&subject->problems, problem);
	}
}

static void check_symbols(struct subject *subject)
{
	const struct problem stripped = {
		.is_note = true,
		.code = "stripped",
		.cause = "it is stripped: what is not exported is named only where debug "
			 "information has it",
		.cure = "check it before it is stripped, or install its debug file",
	};

	const struct problem no_table = {
		.is_note = true,
		.code = "no-section-table",
		.cause = "it has no section table: only the proof of the layout was made",
		.cure = "check it before the table is removed",
	};

	if (subject->object.is_annotated && !subject->object.has_tables)
		problem_add(&subject->problems, no_table);
	else if (subject->contents.section_count && !subject->contents.has_locals)
		problem_add(&subject->problems, stripped);
}

void layout_check(struct subject *subject)
{
	add_refusals(subject);
	check_sections(subject);
	check_functions(subject);
	check_symbols(subject);
}
