/* SPDX-License-Identifier: MIT */
/*
 * family.h - has this process relatives that could miss what it shares from now on?
 */
#pragma once

#include "base.h"

/* Remember who we are; at start, before anything can fork. */
void family_start(void);

/*
 * family_keep_count() - count the family's forks from now on, in memory that it shares
 *
 * Called when a process has something to share, so that others need no memory for it.
 * Without it, or if the kernel gives no memory, nobody is alone once there was a fork.
 */
void family_keep_count(void);

/*
 * Before a fork; and in the same thread if it came to nothing after all. A child need not
 * be told that it is one.
 */
void family_forks(void);
void family_fork_failed(void);

/*
 * family_alone() - can no other living process expect to share with this one?
 *
 * True before the first fork, and again in the only survivor of a daemon's start. When in
 * doubt, false.
 */
bool family_alone(void);
