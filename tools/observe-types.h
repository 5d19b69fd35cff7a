/* SPDX-License-Identifier: MIT */
/*
 * observe-types.h - what debug information says of a variable: its type, and its parts
 */
#pragma once

#include <elfutils/libdw.h>

#include "seen.h"

/* A part of basic type. */
struct field {
	uint64_t bit, bits; /* where in the variable, counted from the lowest; how many */
	enum seen_encoding encoding;
	char *path; /* "requests", "[3].count"; NULL: the whole variable */
};

/* The type of @variable as the source spells it, or NULL. */
char *types_spell(Dwarf_Die *variable);

/*
 * types_field() - the part of @variable that has the bit number @bit
 *
 * Return: false where nothing is known, as of padding.
 */
bool types_field(Dwarf_Die *variable, uint64_t bit, struct field *ret);
