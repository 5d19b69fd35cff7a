/* SPDX-License-Identifier: MIT */
/*
 * lookup.c - one address, one answer
 *
 * Of a caller the address is where the call returns to: the instruction behind the call,
 * often another line's and, behind a call that never returns, another function's. So the
 * byte before it is looked up, which is in the call; distances are from the address itself.
 */
#include <stdlib.h>

#include "edition.h"
#include "lookup.h"
#include "memory.h"
#include "record.h"
#include "source.h"

/* Longer names say no more, and an answer has to fit into one message. */
#define TEXT_MAX 1000

/* Names in files are bytes; what is not UTF-8 is shown as such. */
static void put_text(json_t *object, const char *key, const char *text)
{
	char *copy = memory_format("%.*s", TEXT_MAX, text);

	json_object_set_new(object, key, record_string(copy));
	free(copy);
}

static void put_place(json_t *object, const char *file, unsigned line, unsigned column)
{
	if (!file || !line)
		return;
	put_text(object, "file", file);
	json_object_set_new(object, "line", json_integer(line));
	if (column)
		json_object_set_new(object, "column", json_integer(column));
}

static void put_symbol(json_t *object, const char *name, uint64_t start, uint64_t address)
{
	put_text(object, "sym", name);
	if (start && address - start <= INT64_MAX)
		json_object_set_new(
			object, "symoff", json_integer((json_int_t)(address - start)));
}

static void put_inlined(json_t *object, const struct spots *spots)
{
	json_t *list;

	if (spots->count < 2)
		return;
	list = json_array();
	for (unsigned i = 0; i + 1 < spots->count; i++) {
		const struct spot *spot = &spots->list[i];
		json_t *element = json_object();

		if (spot->function)
			put_text(element, "sym", spot->function);
		put_place(element, spot->file, spot->line, spot->column);
		json_array_append_new(list, element);
	}
	json_object_set_new(object, "inlined", list);
}

static void look_up_code(
	json_t *answer, const struct edition *edition, uint64_t address, bool is_exact)
{
	const struct symbol *symbol;
	const struct spot *outermost;
	struct spots spots;

	if (!is_exact && address == 0)
		return;
	symbol = naming_find(&edition->naming, NAMING_CODE, address - !is_exact);
	source_find(&edition->debuginfo, address - !is_exact, &spots);
	outermost = spots.count ? &spots.list[spots.count - 1] : NULL;
	if (symbol)
		put_symbol(answer, symbol->name, symbol->start, address);
	else if (outermost && outermost->function)
		put_symbol(answer, outermost->function, spots.start, address);
	if (outermost)
		put_place(answer, outermost->file, outermost->line, outermost->column);
	put_inlined(answer, &spots);
}

struct definition {
	uint64_t address;
	json_t *answer;
};

static bool wants(uint64_t address, void *arg)
{
	return address == ((struct definition *)arg)->address;
}

static void visit(const struct place *place, void *arg)
{
	struct definition *definition = arg;

	put_place(definition->answer, place->file, (unsigned)place->line, 0);
}

static void look_up_data(json_t *answer, const struct edition *edition, uint64_t address)
{
	const struct symbol *symbol = naming_find(&edition->naming, NAMING_DATA, address);
	struct definition definition = { .answer = answer };

	if (!symbol)
		return;
	put_symbol(answer, symbol->name, symbol->start, address);
	definition.address = symbol->start;
	debuginfo_visit_places(&edition->debuginfo, wants, visit, &definition);
}

json_t *lookup(const json_t *request)
{
	const char *path = record_text(request, "obj");
	const struct edition *edition;
	json_t *answer = json_object();
	uint64_t address;

	if (!path || !record_number(request, "off", &address))
		return answer;
	edition = edition_get(path, record_text(request, "bid"));
	if (edition->why)
		put_text(answer, "why", edition->why);
	if (!edition->is_usable)
		return answer;
	if (!edition->is_verified)
		json_object_set_new(answer, "verified", json_false());
	if (record_flag(request, "data"))
		look_up_data(answer, edition, address);
	else
		look_up_code(answer, edition, address, record_flag(request, "exact"));
	return answer;
}
