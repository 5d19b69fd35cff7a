/* SPDX-License-Identifier: MIT */
/*
 * show-text.c - a paragraph for each object that has something to say
 */
#include <inttypes.h>
#include <string.h>

#include "memory.h"
#include "say.h"
#include "show.h"

/* The columns of the table of variables; numbers stand to the right. */
enum { ADDRESS, SIZE, SECTION, NAME, SOURCE, COLUMNS };

struct row {
	const char *cell[COLUMNS];
};

static struct row row_of(const struct variable *variable)
{
	struct row row = { .cell = {
				   memory_format("0x%" PRIx64, variable->address),
				   memory_format("%" PRIu64, variable->size),
				   variable->section ? variable->section : "",
				   variable->function ?
					   memory_format("%s (in %s)", variable->name,
						   variable->function) :
					   variable->name,
				   variable->file ? memory_format("%s:%d", variable->file,
							    variable->line) :
						    "",
			   } };

	/* cleaned before it is measured */
	for (unsigned i = 0; i < COLUMNS; i++) {
		char *copy = memory_copy(row.cell[i]);

		say_clean(copy);
		row.cell[i] = copy;
	}
	return row;
}

static void print_row(const struct row *row, const size_t *width)
{
	unsigned last = SOURCE;

	while (last > NAME && !*row->cell[last])
		last--;
	for (unsigned i = 0; i <= last; i++)
		printf("  %*s",
			i == last ? 0 :
			i <= SIZE ? (int)width[i] :
				    -(int)width[i],
			row->cell[i]);
	putchar('\n');
}

static bool has_source(const struct contents *contents)
{
	for (size_t i = 0; i < contents->variable_count; i++)
		if (contents->variables[i].file)
			return true;
	return false;
}

static void print_variables(const struct contents *contents)
{
	struct row head = { { "address", "size", "section", "variable",
		has_source(contents) ? "source" : "" } };
	size_t width[COLUMNS] = { 0 };
	size_t count = contents->variable_count;
	struct row *rows = memory_get((count + 1) * sizeof(*rows));

	if (!count)
		return;
	for (size_t i = 0; i <= count; i++) {
		rows[i] = i ? row_of(&contents->variables[i - 1]) : head;
		for (unsigned column = 0; column < COLUMNS; column++) {
			size_t len = strlen(rows[i].cell[column]);

			if (len > width[column])
				width[column] = len;
		}
	}
	for (size_t i = 0; i <= count; i++)
		print_row(&rows[i], width);
}

static const char *plural(uint64_t count, const char *noun)
{
	return memory_format("%" PRIu64 " %s%s", count, noun, count == 1 ? "" : "s");
}

static void print_sections(const struct subject *subject)
{
	uint64_t page = subject->object.image.page_size;

	for (size_t i = 0; i < subject->contents.section_count; i++) {
		const struct section *section = &subject->contents.sections[i];
		uint64_t size = section->end - section->address;

		if (!size)
			continue;
		printf("  ");
		say_to(stdout, section->name);
		printf(": %s, %s, in %s of %" PRIu64 "\n",
			plural(section->variables, "variable"),
			plural(section->bytes, "byte"),
			plural(size / page + (size % page != 0), "page"), page);
	}
}

static void print_problem(const struct problem *problem)
{
	const char *what = problem->symbol ? problem->symbol : problem->section;
	const char *kind = problem->symbol ? "" : problem->section ? "section " : "";

	say_to(stdout,
		memory_format("  %s: %s%s%s%s", problem->is_note ? "note" : "problem",
			kind, what ? what : "", what ? ": " : "", problem->cause));
	printf("\n    cure: ");
	say_to(stdout, problem->cure);
	putchar('\n');
}

static void print_subject(const struct subject *subject)
{
	say_to(stdout, subject->object.path);
	printf(": %s\n", subject->verdict == VERDICT_SHARED ?
				 "its annotated variables will be shared" :
			 subject->verdict == VERDICT_PRIVATE ?
				 "annotated variables will stay private" :
			 subject->object.is_annotated ?
				 "it includes the header and annotates nothing" :
				 "nothing is annotated");
	print_variables(&subject->contents);
	print_sections(subject);
	if (subject->page_size_max &&
		subject->page_size_max != subject->object.image.page_size)
		printf("  proved for pages of up to %" PRIu64 " bytes\n",
			subject->page_size_max);
	for (size_t i = 0; i < subject->problems.count; i++)
		print_problem(&subject->problems.list[i]);
}

static bool is_dull(const struct subject *subject)
{
	return subject->verdict == VERDICT_NONE && !subject->problems.count;
}

void show_text(const struct examination *examination)
{
	size_t dull = 0;

	for (size_t i = 0; i < examination->count; i++)
		if (i && is_dull(&examination->subjects[i]))
			dull++;
		else
			print_subject(&examination->subjects[i]);
	if (dull)
		printf("%s without annotations\n",
			dull == 1 ? "1 library" : memory_format("%zu libraries", dull));
}
