/* SPDX-License-Identifier: MIT */
/*
 * neighbours.h - all that lies in some pages of an object's data
 */
#pragma once

#include "loaded-words.h"
#include "plan-symbols.h"

struct neighbour {
	struct extent at; /* as far as it lies in the pages */
	const char *name; /* of a variable; NULL: no symbol tells */
	const char *what; /* "copy relocation of libc.so.6"; or NULL */
	bool is_dangerous; /* better not shared */
};

/* By address, and complete: with the chosen variables they cover the pages. */
struct neighbours {
	struct neighbour *list;
	size_t count;
	uint64_t padding; /* bytes between them, in small gaps and zero */
};

/*
 * neighbours_find() - add what lies in the pages @pages and is not chosen
 *
 * Return: NULL, or why these pages cannot be shared at all.
 */
const char *neighbours_find(struct neighbours *ret, const struct symbols *symbols,
	const struct loaded_words *words, struct extent pages);
