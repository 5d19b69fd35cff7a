/* SPDX-License-Identifier: MIT */
/*
 * source.c - one instruction, several lines
 *
 * The line table says which line an instruction was made from; that is in the innermost of
 * the functions which the compiler has put into one another there. The others are found in
 * the tree of the unit: inside the function that really exists stands an entry for each that
 * was inlined, with the ranges of its code and the line of its call. So the innermost has
 * the line of the table, and each one around it the line of the call into the next.
 *
 * Ranges are believed and nearness is not: an address that no function's ranges hold has no
 * function. The walk is our own, since a damaged tree could lead libdw's in circles.
 */
#include <dwarf.h>
#include <limits.h>

#include "memory.h"
#include "source.h"

#define DEPTH_MAX   256
#define ENTRIES_MAX 50000000

struct search {
	Dwarf_Addr pc; /* as the DWARF has it */
	unsigned entries;
	Dwarf_Die function;		  /* the innermost that is not inlined */
	Dwarf_Die inlined[SPOTS_MAX - 1]; /* the innermost last */
	unsigned count;
	bool has_function, is_cut;
};

/* May code be below it that is not in its own ranges? A namespace has none. */
static bool is_room(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_class_type ||
	       tag == DW_TAG_structure_type;
}

static bool is_code(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine ||
	       tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
	       tag == DW_TAG_catch_block || tag == DW_TAG_with_stmt;
}

/* A function in a function (as GNU C and others have them) is not part of the outer one. */
static void enter(struct search *search, const Dwarf_Die *die, int tag)
{
	if (tag == DW_TAG_subprogram) {
		search->function = *die;
		search->has_function = true;
		search->count = 0;
	} else if (tag == DW_TAG_inlined_subroutine && search->count < SPOTS_MAX - 1) {
		search->inlined[search->count++] = *die;
	} else if (tag == DW_TAG_inlined_subroutine) {
		search->is_cut = true;
	}
}

/* Return: is the search at an end? */
static bool descend(struct search *search, Dwarf_Die *parent, unsigned depth)
{
	Dwarf_Die child;

	if (depth > DEPTH_MAX || dwarf_child(parent, &child) != 0)
		return false;
	do {
		int tag = dwarf_tag(&child);

		if (search->entries++ > ENTRIES_MAX)
			return true;
		if (is_room(tag) && descend(search, &child, depth + 1))
			return true;
		if (!is_code(tag) || dwarf_haspc(&child, search->pc) <= 0)
			continue;
		enter(search, &child, tag);
		descend(search, &child, depth + 1);
		return true;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

/* By the table of ranges that gcc writes, or else by the ranges of each unit. */
static Dwarf_Die *find_unit(
	const struct debuginfo *debuginfo, Dwarf_Addr address, Dwarf_Addr *ret_bias)
{
	Dwarf_Die *unit = dwfl_module_addrdie(debuginfo->module, address, ret_bias);

	if (unit)
		return unit;
	while ((unit = dwfl_module_nextcu(debuginfo->module, unit, ret_bias)))
		if (dwarf_haspc(unit, address - *ret_bias) > 0)
			break;
	return unit;
}

static const char *name_of(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *name = NULL;

	if (debuginfo_attribute(die, DW_AT_linkage_name, &attribute))
		name = dwarf_formstring(&attribute);
	if (!name && debuginfo_attribute(die, DW_AT_name, &attribute))
		name = dwarf_formstring(&attribute);
	return name && *name ? name : NULL;
}

static unsigned number(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0 ||
		value > INT_MAX)
		return 0;
	return (unsigned)value;
}

/* What is relative is so to where the compiler ran. */
static const char *absolute(Dwarf_Die *unit, const char *file)
{
	Dwarf_Attribute attribute;
	const char *directory = NULL;

	if (file && *file != '/' && dwarf_attr(unit, DW_AT_comp_dir, &attribute))
		directory = dwarf_formstring(&attribute);
	return directory ? memory_format("%s/%s", directory, file) : file;
}

static void set_line(struct spot *spot, Dwarf_Die *unit, Dwarf_Addr pc)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, pc);
	int number_of_line, column;

	/* line 0: made from no line at all */
	if (!line || dwarf_lineno(line, &number_of_line) != 0 || number_of_line <= 0)
		return;
	spot->file = absolute(unit, dwarf_linesrc(line, NULL, NULL));
	if (!spot->file)
		return;
	spot->line = (unsigned)number_of_line;
	if (dwarf_linecol(line, &column) == 0 && column > 0)
		spot->column = (unsigned)column;
}

static void set_call(struct spot *spot, Dwarf_Die *unit, Dwarf_Die *inlined)
{
	Dwarf_Attribute attribute;
	Dwarf_Files *files;
	Dwarf_Word index;
	size_t count;

	if (!dwarf_attr(inlined, DW_AT_call_file, &attribute) ||
		dwarf_formudata(&attribute, &index) != 0 || !number(inlined, DW_AT_call_line))
		return;
	if (dwarf_getsrcfiles(unit, &files, &count) != 0 || index >= count)
		return;
	spot->file = absolute(unit, dwarf_filesrc(files, index, NULL, NULL));
	if (!spot->file)
		return;
	spot->line = number(inlined, DW_AT_call_line);
	spot->column = number(inlined, DW_AT_call_column);
}

/* One that lies in pieces, its cold parts elsewhere, has no distance from its start. */
static uint64_t start_of(Dwarf_Die *function, Dwarf_Addr pc)
{
	Dwarf_Attribute attribute;
	Dwarf_Addr low;

	if (!dwarf_attr(function, DW_AT_low_pc, &attribute) ||
		dwarf_formaddr(&attribute, &low) != 0 || low > pc)
		return 0;
	return low;
}

static void fill(struct spots *ret, struct search *search, Dwarf_Die *unit)
{
	if (!search->is_cut)
		set_line(&ret->list[0], unit, search->pc);
	for (unsigned i = search->count; i-- > 0;) {
		ret->list[ret->count++].function = name_of(&search->inlined[i]);
		set_call(&ret->list[ret->count], unit, &search->inlined[i]);
	}
	if (search->has_function)
		ret->list[ret->count].function = name_of(&search->function);
	ret->count++;
	ret->is_cut = search->is_cut;
}

void source_find(const struct debuginfo *debuginfo, uint64_t address, struct spots *ret)
{
	struct search search = { 0 };
	Dwarf_Addr bias;
	Dwarf_Die *unit;

	*ret = (struct spots){ 0 };
	if (!debuginfo->module)
		return;
	unit = find_unit(debuginfo, address + debuginfo->bias, &bias);
	if (!unit)
		return;
	search.pc = address + debuginfo->bias - bias;
	descend(&search, unit, 0);
	fill(ret, &search, unit);
	if (search.has_function)
		ret->start = start_of(&search.function, search.pc);
	if (ret->start)
		ret->start += bias - debuginfo->bias;
}
