/* SPDX-License-Identifier: MIT */
/*
 * examine.h - everything that `fondue check` finds out, before it is shown
 */
#pragma once

#include "problem.h"
#include "variables.h"

enum verdict {
	VERDICT_NONE,	 /* nothing is annotated */
	VERDICT_SHARED,	 /* every annotated variable will be shared */
	VERDICT_PRIVATE, /* some will not */
};
const char *verdict_name(enum verdict verdict); /* "none", "shared", "private" */

/* One object: the program, or a library of it. */
struct subject {
	struct object object;
	struct contents contents;
	struct problems problems;
	enum verdict verdict;
	uint64_t page_size_max; /* largest for which the proof holds, or 0 */
};

struct examination {
	struct subject *subjects; /* in load order; the first is what was asked for */
	size_t count;
	enum verdict verdict; /* of all together */
};

/* Return: NULL, or why @path cannot be examined. */
const char *examine(struct examination *examination, const char *path);

/* layout.c: what stands against @subject when it is looked at alone. */
void layout_check(struct subject *subject);
/* linkage.c: what the others do to the variables of each. */
void linkage_check(struct examination *examination);
