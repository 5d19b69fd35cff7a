/* SPDX-License-Identifier: MIT */
/*
 * variables.h - the sections of an object, and the variables in those that are shared
 */
#pragma once

#include "object.h"

struct section {
	const char *name;
	uint64_t address;
	uint64_t end;
	uint64_t flags; /* SHF_* */
	/* of the variables in it */
	size_t variables;
	uint64_t bytes;
};

struct variable {
	const char *name;     /* as in the source where that is known, else the symbol */
	const char *symbol;   /* NULL: only the debug information has it */
	const char *function; /* that it is static in, or NULL */
	uint64_t address;
	uint64_t size;
	const char *section; /* name of it */
	const char *file;    /* or NULL */
	int line;
	bool is_function; /* no variable at all: annotated by mistake */
};

struct contents {
	struct section *sections; /* named as shared ones, or in a range of the notes */
	size_t section_count;
	struct section *others; /* whatever else is loaded */
	size_t other_count;
	struct variable *variables; /* by address */
	size_t variable_count;
	/* what shares a page with a range without being part of it: not annotated */
	struct variable *neighbours;
	size_t neighbour_count;
	bool has_locals; /* else variables that are not exported are not named */
};

void contents_read(struct contents *contents, const struct object *object);

/* The part of it that reads the section table. */
void sections_read(struct contents *contents, const struct object *object);
/* The section of @list that holds @address, or NULL. */
struct section *section_at(struct section *list, size_t count, uint64_t address);
