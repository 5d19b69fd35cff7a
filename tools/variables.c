/* SPDX-License-Identifier: MIT */
/*
 * variables.c - which symbols lie in the shared pages, and what the source calls them
 *
 * Symbols say where a variable is and how large; the debug information knows the line,
 * and the plain name of a static in a function, which compilers decorate (gcc: count.0,
 * clang: f.count). The two are joined by address. Without .symtab only the exported
 * variables have a symbol; the debug information, if there is any, still has the others.
 */
#include <stdlib.h>
#include <string.h>

#include "debuginfo.h"
#include "memory.h"
#include "variables.h"

/* More neighbours than this make no explanation clearer. */
#define NEIGHBOURS_MAX 64

struct reading {
	const struct object *object;
	struct contents *contents;
};

/* Marks of the linker and of the assembler, not of the source. */
static bool is_label(const char *name, const GElf_Sym *symbol)
{
	int type = GELF_ST_TYPE(symbol->st_info);

	if (type != STT_OBJECT && type != STT_NOTYPE && type != STT_FUNC)
		return true;
	return type == STT_NOTYPE &&
	       (!strncmp(name, "__", 2) || *name == '$' || *name == '.' || *name == '_');
}

static bool is_in_pages(const struct object *object, uint64_t address)
{
	uint64_t page = object->image.page_size;

	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		const struct range *range = &object->proof.ranges[kind];

		if (range->start < range->stop &&
			align_down(range->start, page) <= address &&
			address < align_down(range->stop - 1, page) + page)
			return true;
	}
	return false;
}

static void add_variable(
	struct variable **list, size_t *count, const struct variable *variable)
{
	*list = memory_grow(*list, *count, sizeof(**list));
	(*list)[(*count)++] = *variable;
}

static void visit_symbol(
	const char *name, const GElf_Sym *symbol, uint64_t address, void *arg)
{
	struct reading *reading = arg;
	struct contents *contents = reading->contents;
	struct section *section =
		section_at(contents->sections, contents->section_count, address);
	struct variable variable = {
		.name = name,
		.symbol = name,
		.address = address,
		.size = symbol->st_size,
		.is_function = GELF_ST_TYPE(symbol->st_info) == STT_FUNC,
	};

	if (is_label(name, symbol))
		return;
	if (section) {
		variable.section = section->name;
		add_variable(&contents->variables, &contents->variable_count, &variable);
	} else if (is_in_pages(reading->object, address) &&
		   contents->neighbour_count < NEIGHBOURS_MAX) {
		section = section_at(contents->others, contents->other_count, address);
		variable.section = section ? section->name : NULL;
		add_variable(
			&contents->neighbours, &contents->neighbour_count, &variable);
	}
}

static int by_address(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return strcmp(x->symbol ? x->symbol : x->name, y->symbol ? y->symbol : y->name);
}

static void sort(struct contents *contents)
{
	if (contents->variable_count)
		qsort(contents->variables, contents->variable_count,
			sizeof(*contents->variables), by_address);
}

static void describe(struct variable *variable, const struct place *place)
{
	variable->name = place->name;
	variable->function = place->function;
	variable->file = place->file;
	variable->line = place->line;
	if (!variable->size)
		variable->size = place->size;
}

/* First of the sorted @count variables that is not below @address. */
static size_t lower_bound(const struct contents *contents, size_t count, uint64_t address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (contents->variables[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct joining {
	struct contents *contents;
	size_t sorted; /* the variables that came from symbols */
};

static bool wants_place(uint64_t address, void *arg)
{
	const struct contents *contents = ((struct joining *)arg)->contents;

	return section_at(contents->sections, contents->section_count, address) != NULL;
}

static void visit_place(const struct place *place, void *arg)
{
	struct joining *joining = arg;
	struct contents *contents = joining->contents;
	const struct section *section =
		section_at(contents->sections, contents->section_count, place->address);
	size_t first = lower_bound(contents, joining->sorted, place->address);
	struct variable variable = { .address = place->address };

	variable.section = section->name;
	for (size_t i = first; i < joining->sorted; i++) {
		if (contents->variables[i].address != place->address)
			break;
		describe(&contents->variables[i], place);
		variable.name = place->name;
	}
	if (variable.name)
		return;
	describe(&variable, place);
	add_variable(&contents->variables, &contents->variable_count, &variable);
}

/* A variable may be described twice, by units that were compiled with the same header. */
static void drop_twins(struct contents *contents)
{
	size_t kept = 0;

	for (size_t i = 0; i < contents->variable_count; i++) {
		const struct variable *last = &contents->variables[kept ? kept - 1 : 0];
		const struct variable *next = &contents->variables[i];

		if (kept && last->address == next->address &&
			!strcmp(last->name, next->name))
			continue;
		contents->variables[kept++] = *next;
	}
	contents->variable_count = kept;
}

/* Names of one variable are counted once. */
static void count_bytes(struct contents *contents)
{
	for (size_t i = 0; i < contents->variable_count; i++) {
		const struct variable *variable = &contents->variables[i];
		struct section *section = section_at(
			contents->sections, contents->section_count, variable->address);

		if (i && contents->variables[i - 1].address == variable->address)
			continue;
		section->variables++;
		section->bytes += variable->size;
	}
}

void contents_read(struct contents *contents, const struct object *object)
{
	struct reading reading = { .object = object, .contents = contents };
	struct debuginfo debuginfo;
	struct joining joining;

	*contents = (struct contents){ .has_locals = true };
	sections_read(contents, object);
	if (!contents->section_count)
		return;
	debuginfo_open(&debuginfo, object);
	contents->has_locals = debuginfo.has_locals;
	debuginfo_visit_symbols(&debuginfo, visit_symbol, &reading);
	sort(contents);
	joining = (struct joining){ .contents = contents,
		.sorted = contents->variable_count };
	debuginfo_visit_places(&debuginfo, wants_place, visit_place, &joining);
	sort(contents);
	drop_twins(contents);
	count_bytes(contents);
	/* not closed: the names are in its memory */
}
