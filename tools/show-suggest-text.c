/* SPDX-License-Identifier: MIT */
/*
 * show-suggest-text.c - a heading, a table, the lines to paste, and what to mind
 *
 * It is read at the end of somebody else's output, so it begins with what was found, and what
 * was not found is not told at length: names and one word each, unless all is asked for.
 */
#include <inttypes.h>
#include <string.h>

#include "memory.h"
#include "say.h"
#include "show-suggest.h"

enum { NAME, TYPE, DECLARED, CHILDREN, VALUES, LOOKS, COLUMNS };

/* Wider would push the values out of a terminal. */
static const size_t widest[COLUMNS] = { 28, 24, 24, 10, 48, 40 };

struct row {
	const char *cell[COLUMNS];
};

struct table {
	struct row *rows;
	size_t count;
	size_t width[COLUMNS];
};

/* Names that are left alone, on a line. */
#define LEFT_SHOWN 8

static const char *plural(uint64_t count, const char *noun)
{
	const char *ending = noun[strlen(noun) - 1] == 's' ? "es" : "s";

	return memory_format("%" PRIu64 " %s%s", count, noun, count == 1 ? "" : ending);
}

static const char *children(uint64_t count)
{
	return memory_format("%" PRIu64 " forked %s", count, count == 1 ? "child" : "children");
}

static const char *object_name(const struct suggestion *it, const struct finding *finding)
{
	return say_base_name(
		it->judgement->seen->objects[finding->facts.variable->object].path);
}

static const char *declared(const struct suggestion *it, const struct finding *finding)
{
	const struct seen_variable *variable = finding->facts.variable;
	bool is_program = it->judgement->seen->objects[variable->object].kind == SEEN_PROGRAM;

	if (!variable->file)
		return is_program ? "" : object_name(it, finding);
	return memory_format("%s:%u", say_base_name(variable->file), variable->line);
}

static struct row row_of(const struct suggestion *it, const struct finding *finding)
{
	const struct seen_variable *variable = finding->facts.variable;
	bool is_perhaps = finding->opinion == OPINION_PERHAPS;
	struct row row = { { show_suggest_name(it->judgement, finding),
		finding->pattern ? "" :
		variable->type	 ? variable->type :
				   plural(variable->size, "byte"),
		declared(it, finding),
		memory_format(
			"%zu of %zu", finding->facts.children, it->judgement->kin.children),
		show_suggest_values(finding),
		memory_format(
			"%s%s", is_perhaps ? "perhaps: " : "", show_suggest_looks(finding)) } };

	for (unsigned i = 0; i < COLUMNS; i++) {
		char *copy = memory_copy(row.cell[i]);

		say_clean(copy); /* before it is measured */
		row.cell[i] = copy;
	}
	return row;
}

static void add_row(struct table *table, struct row row)
{
	table->rows = memory_grow(table->rows, table->count, sizeof(row));
	table->rows[table->count++] = row;
	for (unsigned i = 0; i < COLUMNS; i++) {
		size_t length = strlen(row.cell[i]);

		if (length > table->width[i])
			table->width[i] = length < widest[i] ? length : widest[i];
	}
}

static void print_row(FILE *file, const struct table *table, size_t index)
{
	for (unsigned i = 0; i < COLUMNS; i++)
		fprintf(file, "  %*s", i == LOOKS ? 0 : -(int)table->width[i],
			table->rows[index].cell[i]);
	fputc('\n', file);
}

static void print_cleaned(FILE *file, const char *text)
{
	say_to(file, text);
	fputc('\n', file);
}

static void print_trial(FILE *file, const struct finding *finding)
{
	const struct trial *trial = &finding->trial;
	const struct witness *first_witness = finding->facts.evidence->witnesses;

	if (!trial->is_watched)
		return;
	if (trial->read && first_witness)
		print_cleaned(
			file, memory_format("      written in %s; then %s in the parent "
					    "read %s",
				      trial->written->where ? trial->written->where : "a child",
				      trial->read->where ? trial->read->where : "the program",
				      show_suggest_number(facts_main_word(first_witness),
					      trial->read->value)));
	else
		print_cleaned(file, trial->was_touched ?
					    "      nobody else was seen reading it" :
					    "      the second run did not see it used");
}

static void print_doubt(FILE *file, const struct finding *finding)
{
	const char *objection = show_suggest_objection(finding);

	if (finding->opinion == OPINION_PERHAPS && objection)
		fprintf(file, "      but: %s\n", objection);
}

static void print_arguments(FILE *file, const struct finding *finding)
{
	for (size_t i = 0; i < finding->ruling.argument_count; i++)
		fprintf(file, "%s%+d %s", i ? ", " : "      ",
			finding->ruling.arguments[i].points, finding->ruling.arguments[i].text);
	fprintf(file, " = %d\n", finding->ruling.points);
}

static void print_table(FILE *file, const struct suggestion *it, bool is_left)
{
	struct table table = { 0 };
	size_t row = 1;

	add_row(&table, (struct row){ { "variable", "type", "declared", "children",
				"at fork -> at end", "looks like" } });
	for (size_t i = 0; i < it->judgement->count; i++)
		if ((it->judgement->findings[i].opinion == OPINION_LEFT) == is_left)
			add_row(&table, row_of(it, &it->judgement->findings[i]));
	print_row(file, &table, 0);
	for (size_t i = 0; i < it->judgement->count; i++) {
		const struct finding *finding = &it->judgement->findings[i];

		if ((finding->opinion == OPINION_LEFT) != is_left)
			continue;
		print_row(file, &table, row++);
		print_trial(file, finding);
		if (it->wants_all)
			print_arguments(file, finding);
		else
			print_doubt(file, finding);
	}
}

static size_t count_changed(const struct suggestion *it)
{
	size_t sum = 0;

	for (size_t i = 0; i < it->judgement->count; i++) {
		const struct finding *finding = &it->judgement->findings[i];

		if (finding->facts.children)
			sum += finding->pattern ? finding->member_count : 1;
	}
	return sum;
}

static size_t count_read(const struct suggestion *it)
{
	size_t sum = 0;

	for (size_t i = 0; i < it->judgement->count; i++)
		sum += it->judgement->findings[i].opinion != OPINION_LEFT &&
		       it->judgement->findings[i].trial.read;
	return sum;
}

static void print_heading(FILE *file, const struct suggestion *it)
{
	const struct seen *seen = it->judgement->seen;
	size_t lost = show_suggest_count(it->judgement, OPINION_SHARE) +
		      show_suggest_count(it->judgement, OPINION_PERHAPS);
	size_t changed = count_changed(it);

	if (!seen->has_forked) {
		fputs("fondue suggest: the program did not fork: all its globals are its own\n",
			file);
		return;
	}
	fprintf(file, "fondue suggest: %s", children(it->judgement->kin.children));
	if (seen->ended_by)
		fprintf(file, ", seen just before SIG%s reached them",
			sigabbrev_np(seen->ended_by) ? sigabbrev_np(seen->ended_by) : "?");
	fprintf(file, "; %s changed", plural(changed, "global"));
	if (count_read(it))
		fprintf(file, ", of which the parent then read %zu and saw the old value",
			count_read(it));
	if (!lost)
		fputs(changed ? ", none of them looks lost" : "", file);
	fputc('\n', file);
}

static void print_left(FILE *file, const struct suggestion *it)
{
	const char *text = "  left alone: ";
	size_t left = show_suggest_count(it->judgement, OPINION_LEFT), shown = 0;

	if (!left || it->wants_all || it->judgement->interpreter)
		return;
	for (size_t i = 0; i < it->judgement->count && shown < LEFT_SHOWN; i++) {
		const struct finding *finding = &it->judgement->findings[i];

		if (finding->opinion == OPINION_LEFT)
			text = memory_format("%s%s%s (%s)", text, shown++ ? ", " : "",
				show_suggest_name(it->judgement, finding),
				show_suggest_looks(finding));
	}
	if (left > shown)
		text = memory_format("%s and %zu more", text, left - shown);
	print_cleaned(file, memory_format("%s; --all shows why", text));
}

static void print_remarks(FILE *file, const struct suggestion *it)
{
	const struct kin *kin = &it->judgement->kin;
	const struct seen *seen = it->judgement->seen;
	bool is_empty = !it->judgement->count;

	if (it->judgement->interpreter)
		fprintf(file,
			"  %s is an interpreter: its scripts' variables are no C globals\n",
			it->judgement->interpreter);
	if (!it->judgement->interpreter)
		show_suggest_unnamed(file, seen);
	if (kin->spawned)
		fprintf(file, "  %s executed other programs, and %s not looked at\n",
			children(kin->spawned), kin->spawned == 1 ? "was" : "were");
	if (seen->left)
		fprintf(file, "  %s lived on when the program had ended, and %s let go\n",
			plural(seen->left, "process"), seen->left == 1 ? "was" : "were");
	if (kin->unseen)
		fprintf(file, "  %s could not be looked at\n", children(kin->unseen));
	if (is_empty && seen->has_dirty_heap)
		fputs("  only memory from malloc() changed: that has no names; see fondue_malloc()\n",
			file);
}

void show_suggest_text(FILE *file, const struct suggestion *it)
{
	bool is_lost = show_suggest_count(it->judgement, OPINION_SHARE) +
			       show_suggest_count(it->judgement, OPINION_PERHAPS) >
		       0;

	print_heading(file, it);
	if (is_lost) {
		fputc('\n', file);
		print_table(file, it, false);
	}
	print_left(file, it);
	if (is_lost) {
		fputc('\n', file);
		show_suggest_lines(file, it);
		show_suggest_minds(file, it);
	}
	print_remarks(file, it);
	if (it->wants_all && show_suggest_count(it->judgement, OPINION_LEFT)) {
		fputs("\n  left alone:\n", file);
		print_table(file, it, true);
	}
}
