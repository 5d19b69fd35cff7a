/* SPDX-License-Identifier: MIT */
/*
 * source.h - the lines of source that the code at an address was made from
 */
#pragma once

#include "debuginfo.h"

/* Functions inlined into one another, and the real one around them. */
#define SPOTS_MAX 64

struct spot {
	const char *function;  /* as the linker would call it, else as the source; or NULL */
	const char *file;      /* or NULL: then the rest is 0 */
	unsigned line, column; /* 0: not known */
};

struct spots {
	struct spot list[SPOTS_MAX]; /* the innermost first; the last is the real function */
	unsigned count;		     /* 0: nothing is known */
	bool is_cut;		     /* there are more of them, further in */
	uint64_t start;		     /* of the real function, 0: not known, or in pieces */
};

/* @address as the file counts it. */
void source_find(const struct debuginfo *debuginfo, uint64_t address, struct spots *ret);
