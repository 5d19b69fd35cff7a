/* SPDX-License-Identifier: MIT */
/*
 * debuginfo.h - symbols and source places of an object, wherever they are kept
 *
 * In the file itself, or in one apart (found by build-id or .gnu_debuglink); addresses
 * are those in the file.
 */
#pragma once

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include "object.h"

struct debuginfo {
	Dwfl *dwfl;
	Dwfl_Module *module; /* NULL: nothing can be known */
	GElf_Addr bias;	     /* of libdwfl's addresses against those in the file */
	bool has_locals;     /* there is a .symtab, not only what the loader needs */
};

/* A variable with static storage, as the compiler has described it. */
struct place {
	uint64_t address;
	const char *name;     /* as in the source, with its namespaces */
	const char *function; /* that it is static in, or NULL */
	const char *file;     /* or NULL */
	int line;
	uint64_t size; /* of its type; 0: not known */
	Dwarf_Die die; /* good as long as the debuginfo */
};

/*
 * debuginfo_search() - for all that are opened from now on
 * @path: where files apart may be, as dwfl_standard_find_debuginfo() takes it; kept
 * @network: ask the servers that DEBUGINFOD_URLS names, too; by default nobody is asked
 */
void debuginfo_search(char *path, bool network);

void debuginfo_open(struct debuginfo *debuginfo, const struct object *object);

void debuginfo_visit_symbols(const struct debuginfo *debuginfo,
	void (*visit)(
		const char *name, const GElf_Sym *symbol, uint64_t address, void *arg),
	void *arg);

/* Visits the variables whose address @wants. */
void debuginfo_visit_places(const struct debuginfo *debuginfo,
	bool (*wants)(uint64_t address, void *arg),
	void (*visit)(const struct place *place, void *arg), void *arg);

/*
 * debuginfo_attribute() - of an entry, or else of what it was made from
 *
 * As dwarf_attr_integrate(), which a damaged file can keep running for ever.
 */
bool debuginfo_attribute(Dwarf_Die *die, unsigned name, Dwarf_Attribute *ret);
