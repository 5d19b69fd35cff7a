/* SPDX-License-Identifier: MIT */
/*
 * family.h - has this process relatives that could miss what it shares from now on?
 */
#pragma once

#include "base.h"

/* Remember who we are; at start, before anything can fork. */
void family_start(void);

/* After a fork, in the parent and in the child. */
void family_forked_parent(void);
void family_forked_child(void);

/* pthread_atfork() handlers run for a fork that failed, too: take the parent's word back. */
void family_fork_failed(void);

/*
 * family_alone() - can no other living process expect to share with this one?
 *
 * True before the first fork, and again in the only survivor of a daemon's start. When in
 * doubt, false. Thread-safe against forks of the same process as far as fork() itself is.
 */
bool family_alone(void);
