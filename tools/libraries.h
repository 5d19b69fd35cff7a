/* SPDX-License-Identifier: MIT */
/*
 * libraries.h - which libraries the loader would load for a program
 */
#pragma once

#include "object.h"

struct libraries {
	const char **paths; /* in load order, the loader itself included */
	size_t count;
	const char **missing; /* names that are not found */
	size_t missing_count;
};

/*
 * libraries_list() - ask the loader, which lists them without running anything
 *
 * Return: NULL, or why that is not known; @ret is empty then.
 */
const char *libraries_list(const struct object *object, struct libraries *ret);
