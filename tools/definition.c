/* SPDX-License-Identifier: MIT */
/*
 * definition.c - one name, perhaps several variables, in several files
 *
 * The debug information has a unit for each file that was compiled, and in it what stands
 * at the top of that file. So it tells what no symbol table does: whether a variable is
 * static and in which file, the language, and who else uses its name for something.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"
#include "memory.h"

#define FOUND_MAX 256

struct finding {
	struct definitions *definitions;
	const char *where; /* or NULL */
	const char *name;
};

static bool is_tail(const char *text, const char *tail, const char *separator)
{
	size_t whole = strlen(text), part = strlen(tail), gap = strlen(separator);

	return whole >= part + gap && !strcmp(text + whole - part, tail) &&
	       !strncmp(text + whole - part - gap, separator, gap);
}

bool definition_is_file(const char *path, const char *name)
{
	return !strcmp(path, name) || is_tail(path, name, "/");
}

static bool flag_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	bool value;

	return debuginfo_attribute(die, name, &attribute) &&
	       dwarf_formflag(&attribute, &value) == 0 && value;
}

/* With link-time optimisation the entry with the address only names the one of the file. */
static Dwarf_Die of_file(const Dwarf_Die *die)
{
	Dwarf_Die at = *die, origin;
	Dwarf_Attribute attribute;

	if (dwarf_attr(&at, DW_AT_abstract_origin, &attribute) &&
		dwarf_formref_die(&attribute, &origin))
		return origin;
	return at;
}

/* As DWARF numbers them; a libdw may not know the newest by name. */
static bool is_one_of(int language, const uint8_t *list)
{
	while (*list && *list != language)
		list++;
	return *list != 0;
}

static bool is_c(int language)
{
	static const uint8_t all[] = { DW_LANG_C89, DW_LANG_C, DW_LANG_C99, DW_LANG_C11,
		0x2c /* C17 */, 0x3e /* C23 */, 0 };

	return is_one_of(language, all);
}

static bool is_cplusplus(int language)
{
	static const uint8_t all[] = { DW_LANG_C_plus_plus, DW_LANG_C_plus_plus_03,
		DW_LANG_C_plus_plus_11, DW_LANG_C_plus_plus_14, 0x2a /* 17 */, 0x2b /* 20 */,
		0x3a /* 23 */, 0 };

	return is_one_of(language, all);
}

static void read_unit(struct definition *definition)
{
	Dwarf_Die unit;
	Dwarf_Attribute attribute;

	if (!dwarf_diecu(&definition->place.die, &unit, NULL, NULL))
		return;
	definition->unit = dwarf_diename(&unit);
	if (dwarf_attr(&unit, DW_AT_comp_dir, &attribute))
		definition->directory = dwarf_formstring(&attribute);
	definition->is_c = is_c(dwarf_srclang(&unit));
	definition->is_cplusplus = is_cplusplus(dwarf_srclang(&unit));
}

/* The compiler may have been told of it from where it ran. */
static const char *absolute(const struct definition *definition, const char *path)
{
	char *whole, *real;

	if (!path || *path == '/' || !definition->directory)
		return path;
	whole = memory_format("%s/%s", definition->directory, path);
	real = realpath(whole, NULL);
	return real ? real : whole;
}

static void read_section(struct definition *definition, const struct debuginfo *debuginfo)
{
	Dwarf_Addr address = definition->place.address + debuginfo->bias, bias;
	Elf_Scn *scn = dwfl_module_address_section(debuginfo->module, &address, &bias);
	Elf *elf = dwfl_module_getelf(debuginfo->module, &bias);
	GElf_Shdr header;
	size_t strings;

	if (!scn || !elf || !gelf_getshdr(scn, &header) ||
		elf_getshdrstrndx(elf, &strings) != 0)
		return;
	definition->section = elf_strptr(elf, strings, header.sh_name);
	definition->is_zero = header.sh_type == SHT_NOBITS;
}

static bool is_renamed(const struct definition *definition)
{
	Dwarf_Die die = definition->place.die;
	Dwarf_Attribute attribute;
	const char *name = NULL;

	if (debuginfo_attribute(&die, DW_AT_linkage_name, &attribute))
		name = dwarf_formstring(&attribute);
	return name && strcmp(name, definition->place.name) != 0;
}

static void add(struct definitions *definitions, const struct place *place)
{
	struct definition definition = { .place = *place };

	definition.place.die = of_file(&place->die);
	definition.is_static =
		place->function || !flag_of(&definition.place.die, DW_AT_external);
	read_unit(&definition);
	definition.place.file = absolute(&definition, place->file);
	read_section(&definition, &definitions->debuginfo);
	definition.is_renamed = is_renamed(&definition);
	definitions->list =
		memory_grow(definitions->list, definitions->count, sizeof(*definitions->list));
	definitions->list[definitions->count++] = definition;
}

static bool is_there(const struct finding *finding, const struct place *place)
{
	Dwarf_Die unit, die = place->die;
	const char *name;

	if (!finding->where)
		return true;
	if (place->function && !strcmp(place->function, finding->where))
		return true;
	if (place->file && definition_is_file(place->file, finding->where))
		return true;
	name = dwarf_diecu(&die, &unit, NULL, NULL) ? dwarf_diename(&unit) : NULL;
	return name && definition_is_file(name, finding->where);
}

static bool wants_all(uint64_t address, void *arg)
{
	(void)address;
	(void)arg;
	return true;
}

static void visit(const struct place *place, void *arg)
{
	struct finding *finding = arg;

	if ((strcmp(place->name, finding->name) != 0 &&
		    !is_tail(place->name, finding->name, "::")) ||
		!is_there(finding, place) || finding->definitions->count == FOUND_MAX)
		return;
	add(finding->definitions, place);
}

void definitions_find(struct definitions *ret, const struct object *object, const char *name)
{
	const char *colon = strchr(name, ':');
	struct finding finding = { .definitions = ret, .name = name };

	*ret = (struct definitions){ 0 };
	if (colon && colon > name && colon[1] && colon[1] != ':') {
		finding.name = colon + 1;
		finding.where = memory_copy(name);
		((char *)finding.where)[colon - name] = '\0';
	}
	debuginfo_open(&ret->debuginfo, object);
	debuginfo_visit_places(&ret->debuginfo, wants_all, visit, &finding);
	/* not closed: the names are in its memory */
}

struct of_threads {
	const char *name;
	bool found;
};

static void visit_symbol(const char *name, const GElf_Sym *symbol, uint64_t address, void *arg)
{
	struct of_threads *of_threads = arg;

	(void)address;
	of_threads->found |=
		GELF_ST_TYPE(symbol->st_info) == STT_TLS && !strcmp(name, of_threads->name);
}

bool definitions_are_of_threads(const struct definitions *definitions, const char *name)
{
	struct of_threads of_threads = { .name = name };

	debuginfo_visit_symbols(&definitions->debuginfo, visit_symbol, &of_threads);
	return of_threads.found;
}

static bool has_name(Dwarf_Die *die, const char *name)
{
	Dwarf_Attribute attribute;
	const char *found = NULL;

	if (debuginfo_attribute(die, DW_AT_name, &attribute))
		found = dwarf_formstring(&attribute);
	return found && !strcmp(found, name);
}

static bool has_enumerator(Dwarf_Die *type, const char *name)
{
	Dwarf_Die child;

	for (int more = dwarf_child(type, &child); more == 0;
		more = dwarf_siblingof(&child, &child))
		if (has_name(&child, name))
			return true;
	return false;
}

/* A variable that is not static, under this name, is the variable; or is what it is told of. */
static bool is_other_variable(Dwarf_Die *die, const char *name)
{
	return has_name(die, name) &&
	       (!flag_of(die, DW_AT_external) || !strcmp(name, "shared") ||
		       !strcmp(name, "shared_zero"));
}

static bool is_another(Dwarf_Die *die, const char *name)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_variable:
		return is_other_variable(die, name);
	case DW_TAG_subprogram:
	case DW_TAG_typedef:
		return has_name(die, name);
	case DW_TAG_enumeration_type:
		return has_enumerator(die, name);
	default:
		return false;
	}
}

static bool has_another(Dwarf_Die *unit, const char *name)
{
	Dwarf_Die child;

	for (int more = dwarf_child(unit, &child); more == 0;
		more = dwarf_siblingof(&child, &child))
		if (is_another(&child, name))
			return true;
	return false;
}

const char *definitions_namesake(const struct definitions *definitions, const char *name,
	const char *unit, const struct definition *except)
{
	Dwarf_Die *at = NULL;
	Dwarf_Addr bias;

	while ((at = dwfl_module_nextcu(definitions->debuginfo.module, at, &bias))) {
		const char *file = dwarf_diename(at);

		if (!file || (unit ? strcmp(file, unit) != 0 :
				     except->unit && !strcmp(file, except->unit)))
			continue;
		if (has_another(at, name))
			return file;
	}
	return NULL;
}
