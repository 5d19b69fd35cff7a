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
 * Before a fork; and if it came to nothing after all. Between the two, and whenever
 * family_alone() is asked, adopt_hold() keeps other threads from forking.
 */
void family_forks(void);
void family_fork_failed(void);

/* In the child. */
void family_forked_child(void);

/*
 * family_notice_fork() - is this a child that nobody has told of its birth?
 *
 * A raw system call runs no handlers. True once in such a child, which counts from then on.
 */
bool family_notice_fork(void);

/*
 * family_alone() - can no other living process expect to share with this one?
 *
 * True before the first fork, and again in the only survivor of a daemon's start. When in
 * doubt, false.
 */
bool family_alone(void);
