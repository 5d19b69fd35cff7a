/* SPDX-License-Identifier: MIT */
/*
 * redeclare.h - a header for `cc -include`, which annotates without touching the source
 */
#pragma once

#include <stdio.h>

#include "declaration.h"
#include "definition.h"

struct redeclaration {
	const struct definition *definition;
	struct declaration declaration;
	const char *prelude; /* what has to come before it, or NULL */
};

/*
 * redeclare() - can @definition be declared before its source is read?
 * @all: everything of its name
 * @file: what will be compiled with the header, and nothing else; NULL: everything
 *
 * Return: NULL with *ret filled; or why not, and what helps.
 */
const char *redeclare(struct redeclaration *ret, const struct definitions *all,
	const struct definition *definition, const char *file);

/* Print the header for @list: variables of the object @path. */
void redeclare_print(FILE *to, const struct redeclaration *list, size_t count,
	const char *path, const char *file);

/* FONDUE_SHARED, or for much that is zero FONDUE_SHARED_ZERO. */
const char *redeclare_word(const struct definition *definition);

/* Why no word before it helps, or NULL: "it is const". */
const char *redeclare_never(const struct definition *definition);

/* "FILE:LINE" */
char *redeclare_where(const struct definition *definition);

/* "annotate FILE:LINE by hand" and so on */
const char *redeclare_by_hand(const struct definition *definition);
