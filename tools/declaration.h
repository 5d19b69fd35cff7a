/* SPDX-License-Identifier: MIT */
/*
 * declaration.h - a variable's type, from the debug information back to C
 */
#pragma once

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>

enum spelling {
	SPELL_AS_WRITTEN, /* with the names of typedefs: for people */
	SPELL_ANYWHERE,	  /* to stand where no header has been included yet */
};

struct declaration {
	const char *text;    /* "int (*table[3])(struct row *)"; NULL: see why_not */
	const char *why_not; /* "it is const": ends a sentence about the variable */
	bool has_no_name;    /* that is why: `struct { int a; } x` */
	/* of SPELL_ANYWHERE */
	const char **tags; /* "struct row": to be declared before; enumerations last */
	size_t tag_count;
	Dwarf_Die *needed; /* types that have to be known in full: where they are declared */
	size_t needed_count;
};

/*
 * declaration_spell() - declare @name with the type that the entry @variable has
 *
 * What cannot be shared, such as a constant, has no declaration either.
 */
void declaration_spell(Dwarf_Die *variable, const char *name, enum spelling spelling,
	bool is_cplusplus, struct declaration *ret);

/* "struct row", or the name of a typedef. */
const char *declaration_type_name(Dwarf_Die *type);
