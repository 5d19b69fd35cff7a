/* SPDX-License-Identifier: MIT */
/*
 * lifecycle.h - what happens when: start, loading of objects, forks
 */
#pragma once

#include <fondue/shared.h>

#include "base.h"

/* The table of this runtime, defined beside the constructor. */
extern const struct fondue_runtime fondue_runtime;

/*
 * lifecycle_start() - before anything else of the program runs
 * @late: the program runs already: we came with a plugin
 *
 * Finds and shares what is annotated. Ends the process with status 127 only under
 * FONDUE_STRICT=1, when an object was refused.
 */
void lifecycle_start(char *const *envp, const struct fondue_runtime *runtime, bool late);

/* The constructors of libraries have run, and the program is about to begin. */
void lifecycle_libc_is_ready(void);

/* Any object, @code is an address in it, is about to run for the first time. */
void lifecycle_object_arrives(uintptr_t code);

/* An annotated object has just been loaded, and is about to run its constructors. */
void lifecycle_object_loaded(void);
