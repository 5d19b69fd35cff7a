/* SPDX-License-Identifier: MIT */
/*
 * plan-result.h - all that is to be re-pointed, in the order of a plan
 */
#pragma once

#include "plan-roots.h"

struct result {
	const struct places *places;
	const struct datum **variables; /* by address */
	size_t variable_count;
	struct reference *references; /* by field */
	size_t reference_count;
	struct reference *pointers; /* by field, which is where they are */
	size_t pointer_count;
};

/* result_make() - from the symbols chosen to what the plan will hold, or refusals */
void result_make(struct result *result, struct places *places);

/* The number of a variable in the plan. */
uint32_t result_number(const struct result *result, const struct datum *datum);

/* result_write() - Return: NULL, or why the file could not be written. */
const char *result_write(const struct result *result, const char *path);
