/* SPDX-License-Identifier: MIT */
/*
 * naming.h - the symbol that covers an address, found fast
 */
#pragma once

#include "debuginfo.h"

enum naming_kind { NAMING_CODE, NAMING_DATA };

struct symbol {
	uint64_t start, end;
	uint64_t reach; /* the furthest end of this and all before it */
	const char *name;
	bool is_local;
	bool is_code, is_data; /* not known: both */
};

/* The symbols with a size, by address. */
struct naming {
	struct symbol *symbols;
	size_t count;
};

void naming_open(struct naming *naming, const struct debuginfo *debuginfo);

/* Return: NULL, if the sizes of all symbols end before @address: then no name is certain. */
const struct symbol *naming_find(
	const struct naming *naming, enum naming_kind kind, uint64_t address);
