/* SPDX-License-Identifier: MIT */
/*
 * observe-symbols.h - the variable at an address
 */
#pragma once

#include "observe-object.h"
#include "observe-types.h"

struct variable_seen {
	uint64_t start, end; /* in the file */
	uint64_t reach;	     /* the furthest end of this and all before it */
	const char *symbol;
	const char *source; /* file, by the symbol table; or NULL */
	const char *name;   /* as in the source, or NULL */
	const char *file;   /* of the declaration, or NULL */
	unsigned line;
	bool is_global, is_copy, is_in_function, has_die;
	Dwarf_Die die;
	struct field *fields; /* of observe-variable */
	size_t field_count;
	size_t seen; /* its index there, or SEEN_NOBODY */
};

/* The variable at @address of the file, or NULL. */
struct variable_seen *symbols_at(struct observed *observed, uint64_t address);

/* What is seen from now on is another table: nothing has been entered in it. */
void symbols_forget(void);
