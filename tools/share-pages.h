/* SPDX-License-Identifier: MIT */
/*
 * share-pages.h - the pages that variables lie in, and what is shared with them
 */
#pragma once

#include "parts.h"

/* List on standard error all that lies in the pages. Return: false: refused; said. */
bool pages_look(struct part *part);

/* Is there nothing among it that is better not shared? Else what there is is said. */
bool pages_are_harmless(const struct parts *parts);

/* Make the plan, and announce it to the runtime. Return: false: it cannot be written; said. */
bool pages_plan(const struct part *part, const char *directory);
