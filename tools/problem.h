/* SPDX-License-Identifier: MIT */
/*
 * problem.h - what `fondue check` has to say against an object
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../preload/proof.h"

struct problem {
	bool is_note;	     /* worth knowing, but it keeps nothing private */
	const char *code;    /* for machines; listed in fondue.1 */
	const char *section; /* or NULL */
	const char *symbol;  /* or NULL */
	const char *cause;
	const char *cure;
};

struct problems {
	struct problem *list;
	size_t count;
};

void problem_add(struct problems *problems, struct problem problem);
/* What the runtime would say; @detail, if not NULL, is appended to the cause. */
void problem_add_refusal(
	struct problems *problems, const struct refusal *refusal, const char *detail);

/* Is there one that is more than a note? */
bool problem_is_there(const struct problems *problems);
