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
 *
 * Finds and shares what is annotated. Ends the process with status 127 only under
 * FONDUE_STRICT=1, when an object was refused.
 */
void lifecycle_start(char *const *envp, const struct fondue_runtime *runtime);

/*
 * Around the real dlopen() in a frame of ours: enter before, leave after. What a
 * constructor of the new object starts in between (a thread, a child) finds it shared.
 */
void lifecycle_enter_loading(void);
void lifecycle_leave_loading(void);

/*
 * lifecycle_unseen_loading() - a dlopen() is about to happen whose return we cannot see
 *
 * Whatever it loads is looked at before the next fork, thread or dlopen().
 */
void lifecycle_unseen_loading(void);

/* Before a fork or a new thread, in the thread that makes it. */
void lifecycle_before_split(void);
