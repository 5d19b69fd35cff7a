/* SPDX-License-Identifier: MIT */
/* judge-rules.h - from facts to points, each with its reason */
#pragma once

#include "judge-looks.h"

struct argument {
	int points;
	const char *text;
};

/* For whoever prints them: there are no more rules than this. */
#define RULES_MAX 42

struct ruling {
	struct looks looks;
	int points;
	struct argument arguments[RULES_MAX]; /* the first is that of the looks */
	size_t argument_count;
};

void rules_apply(const struct facts *facts, struct ruling *ret);

/* Add to a ruling what was found out otherwise. */
void rules_add(struct ruling *ruling, int points, const char *text);
