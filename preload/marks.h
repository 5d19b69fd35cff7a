/* SPDX-License-Identifier: MIT */
/*
 * marks.h - addresses that all processes of the family remember
 *
 * Of pthread objects in shared memory: an object has the same address in all of them.
 */
#pragma once

#include "base.h"

enum marks {
	MARKS_TOLD,  /* it has been said of it that it is not process-shared */
	MARKS_ASKED, /* the program itself has made it robust */
	MARKS_KINDS
};

/* Before the first fork. Costs address space, and memory once something is remembered. */
void marks_start(void);

/* Return: has it not been there? False as well when it cannot be remembered. */
bool marks_add(enum marks kind, const void *object);

bool marks_have(enum marks kind, const void *object);
void marks_remove(enum marks kind, const void *object);
