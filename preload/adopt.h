/* SPDX-License-Identifier: MIT */
/*
 * adopt.h - take an annotated object into the family, or say why not
 */
#pragma once

#include <fondue/shared.h>

#include "base.h"

enum adopt_when {
	ADOPT_START, /* nobody else runs yet, nobody has forked */
	ADOPT_LOADED, /* dlopen() is returning, in the thread that called it */
	ADOPT_THREADS, /* as before, but other threads may have used the object already */
};

/* Before anything is adopted: the table that annotated objects are given. */
void adopt_start(const struct fondue_runtime *runtime);

/*
 * adopt_hold(), adopt_release() - around a fork: no object is half shared meanwhile
 *
 * May nest. Held across the fork by the forking thread, released in parent and child.
 */
void adopt_hold(void);
void adopt_release(void);

/*
 * adopt_new_objects() - judge and share every annotated object not seen before
 *
 * Takes the loader's lock. Return: number of objects refused, each with one line.
 */
unsigned adopt_new_objects(enum adopt_when when);
