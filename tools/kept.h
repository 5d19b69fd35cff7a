/* SPDX-License-Identifier: MIT */
/*
 * kept.h - plans are kept in a directory of the user's, and named to the runtime
 */
#pragma once

#include "parts.h"

/* Return: the directory; NULL: there is none, which has been said of the option @option. */
const char *kept_directory(const char *option);

/*
 * kept_path() - where the plan for the names of @part is kept
 * @proof: by which it was made: a plan of another one is of no use
 */
char *kept_path(const struct part *part, const char *directory, const char *proof);

/* Is it there, and nobody else's? The runtime asks the same before it carries it out. */
bool kept_is_there(const char *path);

/* What is no plan does not stay in its place. */
void kept_clear(const char *path);

/* Name it in FONDUE_PLAN, behind what is there. Return: false: said. */
bool kept_announce(const char *path);
