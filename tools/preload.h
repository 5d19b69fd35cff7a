/* SPDX-License-Identifier: MIT */
/*
 * preload.h - where libfondue.so is, and how it gets into LD_PRELOAD
 */
#pragma once

/* The library of this command; NULL when there is none, which has been said. */
const char *preload_library(void);

/*
 * Put @library behind whatever LD_PRELOAD names already, unless the same file is there by its
 * path. Another file of the name, or one that the loader will not find, is no substitute; if
 * it is our twin after all, the loader takes the first of the two.
 */
void preload_append(const char *library);

/* Is the first thing that LD_PRELOAD names a file whose name begins with @prefix? */
int preload_begins_with(const char *prefix);
