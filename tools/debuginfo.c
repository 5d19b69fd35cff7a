/* SPDX-License-Identifier: MIT */
/*
 * debuginfo.c - libdwfl finds the files, libdw reads the DWARF; here is only the walk
 *
 * Variables with static storage stand at the top of a unit, in namespaces, and, as
 * statics, inside functions and their blocks. Types and everything else are passed over.
 * The tree is only as deep as source code is; a damaged one is cut off.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <unistd.h>

#include "debuginfo.h"
#include "memory.h"

#define DEPTH_MAX   64
#define ENTRIES_MAX 50000000

/* One that is inlined names its origin, a definition its declaration; damage, in circles. */
#define ORIGINS_MAX 16

/* NULL: where libdwfl looks by itself */
static char *search_path;
static bool asks_network;

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.section_address = dwfl_offline_section_address,
	.debuginfo_path = &search_path,
};

void debuginfo_search(char *path, bool network)
{
	search_path = path;
	asks_network = network;
}

static bool has_symtab(Elf *elf)
{
	GElf_Shdr header;

	for (Elf_Scn *scn = NULL; elf && (scn = elf_nextscn(elf, scn));)
		if (gelf_getshdr(scn, &header) && header.sh_type == SHT_SYMTAB)
			return true;
	return false;
}

/* After the debug information has been looked for: is a table in a file of its own? */
static bool has_locals(const struct debuginfo *debuginfo, const struct object *object)
{
	const char *separate = NULL;

	if (has_symtab(object->elf))
		return true;
	dwfl_module_info(
		debuginfo->module, NULL, NULL, NULL, NULL, NULL, NULL, &separate);
	return separate != NULL;
}

void debuginfo_open(struct debuginfo *debuginfo, const struct object *object)
{
	GElf_Addr bias;
	int fd;

	*debuginfo = (struct debuginfo){ 0 };
	/* nobody in the network is asked, unless that is wanted */
	if (!asks_network)
		unsetenv("DEBUGINFOD_URLS");
	debuginfo->dwfl = dwfl_begin(&callbacks);
	fd = dup(object->fd);
	if (debuginfo->dwfl && fd >= 0)
		debuginfo->module = dwfl_report_offline(
			debuginfo->dwfl, object->path, object->path, fd);
	if (!debuginfo->module) {
		close(fd);
		return;
	}
	dwfl_report_end(debuginfo->dwfl, NULL, NULL);
	if (!dwfl_module_getelf(debuginfo->module, &debuginfo->bias))
		debuginfo->module = NULL;
	else if (dwfl_module_getdwarf(debuginfo->module, &bias) || true)
		debuginfo->has_locals = has_locals(debuginfo, object);
}

void debuginfo_visit_symbols(const struct debuginfo *debuginfo,
	void (*visit)(
		const char *name, const GElf_Sym *symbol, uint64_t address, void *arg),
	void *arg)
{
	int count = debuginfo->module ? dwfl_module_getsymtab(debuginfo->module) : 0;

	for (int i = 1; i < count; i++) {
		GElf_Addr address;
		GElf_Sym symbol;
		GElf_Word section;
		const char *name = dwfl_module_getsym_info(
			debuginfo->module, i, &symbol, &address, &section, NULL, NULL);

		if (name && *name && section != SHN_UNDEF && section != SHN_ABS)
			visit(name, &symbol, address - debuginfo->bias, arg);
	}
}

struct walk {
	uint64_t bias; /* of addresses in the DWARF against those in the file */
	unsigned entries;
	bool (*wants)(uint64_t address, void *arg);
	void (*visit)(const struct place *place, void *arg);
	void *arg;
};

/* Where the walk is: inside these. */
struct context {
	const char *prefix;   /* "outer::inner::", or "" */
	const char *function; /* or NULL */
	unsigned depth;
};

bool debuginfo_attribute(Dwarf_Die *die, unsigned name, Dwarf_Attribute *ret)
{
	static const unsigned origins[] = { DW_AT_abstract_origin, DW_AT_specification };
	Dwarf_Die at = *die;

	for (unsigned i = 0; i < ORIGINS_MAX; i++) {
		Dwarf_Attribute origin;

		if (dwarf_attr(&at, name, ret))
			return true;
		if (!dwarf_attr(&at, origins[0], &origin) &&
			!dwarf_attr(&at, origins[1], &origin))
			return false;
		if (!dwarf_formref_die(&origin, &at))
			return false;
	}
	return false;
}

static bool find_address(Dwarf_Die *die, uint64_t *ret)
{
	Dwarf_Attribute attribute, operand;
	Dwarf_Op *ops;
	size_t count;

	if (!dwarf_attr(die, DW_AT_location, &attribute) ||
		dwarf_getlocation(&attribute, &ops, &count) != 0 || count != 1)
		return false;
	if (ops[0].atom == DW_OP_addr) {
		*ret = ops[0].number;
		return true;
	}
	/* an index into a table, as DWARF 5 has it */
	return ops[0].atom == DW_OP_addrx &&
	       dwarf_getlocation_attr(&attribute, ops, &operand) == 0 &&
	       dwarf_formaddr(&operand, ret) == 0;
}

static uint64_t type_size(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Die type;
	Dwarf_Word size;

	if (!debuginfo_attribute(die, DW_AT_type, &attribute) ||
		!dwarf_formref_die(&attribute, &type) ||
		dwarf_aggregate_size(&type, &size) != 0)
		return 0;
	return size;
}

/* A definition that names a declaration is in the namespace or class of that. */
static const char *declared_prefix(Dwarf_Die *die)
{
	const char *prefix = "", *name;
	Dwarf_Attribute attribute;
	Dwarf_Die declaration, *scopes;
	int count;

	if (!dwarf_attr(die, DW_AT_specification, &attribute) ||
		!dwarf_formref_die(&attribute, &declaration))
		return prefix;
	count = dwarf_getscopes_die(&declaration, &scopes);
	for (int i = 1; i < count; i++) {
		int tag = dwarf_tag(&scopes[i]);

		name = dwarf_diename(&scopes[i]);
		if (name && (tag == DW_TAG_namespace || tag == DW_TAG_class_type ||
				    tag == DW_TAG_structure_type))
			prefix = memory_format("%s::%s", name, prefix);
	}
	if (count > 0)
		free(scopes);
	return prefix;
}

/* The line of a declaration, too, stands with the declaration. */
static int declared_line(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Word line;

	if (!debuginfo_attribute(die, DW_AT_decl_line, &attribute) ||
		dwarf_formudata(&attribute, &line) != 0 || line > INT32_MAX)
		return 0;
	return (int)line;
}

/* DWARF 5 counts files from 0, which older libdw takes for "none": clang's main file. */
static const char *declared_file(Dwarf_Die *die)
{
	const char *file = dwarf_decl_file(die);
	Dwarf_Attribute attribute;
	Dwarf_Files *files;
	Dwarf_Word index;
	Dwarf_Die unit;
	size_t count;

	if (file || !debuginfo_attribute(die, DW_AT_decl_file, &attribute) ||
		dwarf_formudata(&attribute, &index) != 0 || index != 0)
		return file;
	if (!dwarf_diecu(die, &unit, NULL, NULL) ||
		dwarf_getsrcfiles(&unit, &files, &count) != 0 || count == 0)
		return NULL;
	return dwarf_filesrc(files, 0, NULL, NULL);
}

static void visit_variable(
	Dwarf_Die *die, const struct context *context, struct walk *walk)
{
	Dwarf_Attribute attribute;
	struct place place = { .function = context->function, .die = *die };
	const char *name = NULL;

	if (!find_address(die, &place.address))
		return;
	place.address += walk->bias;
	if (!walk->wants(place.address, walk->arg))
		return;
	if (debuginfo_attribute(die, DW_AT_name, &attribute))
		name = dwarf_formstring(&attribute);
	if (!name)
		return;
	place.name = memory_format(
		"%s%s", *context->prefix ? context->prefix : declared_prefix(die), name);
	place.file = declared_file(die);
	place.line = place.file ? declared_line(die) : 0;
	place.size = type_size(die);
	walk->visit(&place, walk->arg);
}

static void visit_children(
	Dwarf_Die *die, const struct context *context, struct walk *walk);

static void visit_die(Dwarf_Die *die, const struct context *context, struct walk *walk)
{
	struct context inner = *context;
	Dwarf_Attribute attribute;
	const char *name = NULL;

	switch (dwarf_tag(die)) {
	case DW_TAG_variable:
		visit_variable(die, context, walk);
		return;
	case DW_TAG_subprogram:
		if (debuginfo_attribute(die, DW_AT_name, &attribute))
			name = dwarf_formstring(&attribute);
		inner.function = name;
		inner.prefix = "";
		break;
	case DW_TAG_namespace:
		name = dwarf_diename(die);
		if (name)
			inner.prefix = memory_format("%s%s::", context->prefix, name);
		break;
	case DW_TAG_lexical_block:
	case DW_TAG_inlined_subroutine:
		break;
	default:
		return;
	}
	inner.depth++;
	visit_children(die, &inner, walk);
}

static void visit_children(
	Dwarf_Die *die, const struct context *context, struct walk *walk)
{
	Dwarf_Die child;

	if (context->depth > DEPTH_MAX || dwarf_child(die, &child) != 0)
		return;
	do {
		if (walk->entries++ > ENTRIES_MAX)
			return;
		visit_die(&child, context, walk);
	} while (dwarf_siblingof(&child, &child) == 0);
}

void debuginfo_visit_places(const struct debuginfo *debuginfo,
	bool (*wants)(uint64_t address, void *arg),
	void (*visit)(const struct place *place, void *arg), void *arg)
{
	struct walk walk = { .wants = wants, .visit = visit, .arg = arg };
	struct context top = { .prefix = "" };
	Dwarf_Die *unit = NULL;
	Dwarf_Addr bias;

	while (debuginfo->module &&
		(unit = dwfl_module_nextcu(debuginfo->module, unit, &bias))) {
		walk.bias = bias - debuginfo->bias;
		visit_children(unit, &top, &walk);
	}
}
