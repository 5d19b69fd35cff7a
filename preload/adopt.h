/* SPDX-License-Identifier: MIT */
/*
 * adopt.h - take annotated objects into the family, or say why not
 */
#pragma once

#include <fondue/shared.h>

#include "proof.h"

/* Before anything is adopted: the table that annotated objects are given. */
void adopt_start(const struct fondue_runtime *runtime);
bool adopt_is_started(void);

/* From now on refuse every object, for this reason. */
void adopt_refuse_all(enum reason reason);

/*
 * adopt_hold(), adopt_release() - around a fork: no object is half shared meanwhile
 *
 * May nest. Held across the fork by the forking thread, released by it in the parent; in
 * a child it is free by itself, and to release it once more does no harm. Does nothing
 * before the first object was adopted. Async-signal-safe.
 */
void adopt_hold(void);
void adopt_release(void);

/*
 * adopt_new_objects() - judge and share every annotated object not seen before
 *
 * Must not be called by a thread in adopt_hold(). Keeps errno.
 * Return: number of objects refused now; each is said in one line, the same only once.
 */
unsigned adopt_new_objects(void);

/* Is there any annotated object? Costs a process without one this walk and nothing else. */
bool adopt_is_wanted(void);

/* Does any that has been seen so far use locks? */
bool adopt_has_locks(void);
