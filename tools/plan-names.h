/* SPDX-License-Identifier: MIT */
/*
 * plan-names.h - which variables a person means
 */
#pragma once

#include "plan-symbols.h"

struct complaints {
	char **list;
	size_t count;
};

void complain(struct complaints *complaints, char *text);

/* How many variables @name stands for: NAME, FILE.c:NAME, FUNCTION:NAME, each perhaps with `*`. */
size_t names_count(const struct symbols *symbols, const char *name);

/* The one variable that @name stands for; NULL when it is none, or several. */
const struct datum *names_the_only(const struct symbols *symbols, const char *name);

/*
 * names_choose() - mark the variables that @name stands for
 * @name: NAME, FILE.c:NAME, FUNCTION:NAME, each perhaps with `*` in it
 *
 * What is missing or ambiguous, or cannot be shared, is complained of.
 */
void names_choose(
	struct symbols *symbols, const char *name, struct complaints *complaints);

/* names_choose_address() - the same for "0xADDRESS,SIZE"; makes a variable of unnamed bytes */
void names_choose_address(
	struct symbols *symbols, const char *text, struct complaints *complaints);
