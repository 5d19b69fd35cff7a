/* SPDX-License-Identifier: MIT */
/*
 * family.h - has this process relatives that could miss what it shares from now on?
 */
#pragma once

#include "base.h"

/* Remember who we are; at start, before anything can fork. */
void family_start(void);

/* To be called in the parent right before a fork and right after it. */
struct family_mark {
	bool had_children;
};
struct family_mark family_before_fork(void);
void family_after_fork(struct family_mark mark, pid_t result);

/* For forks inside libc, which only pthread_atfork() sees. */
void family_forked_parent(void);
void family_forked_child(void);

/*
 * family_alone() - can no other living process expect to share with this one?
 *
 * True before the first fork, and again in the only survivor of a daemon's start. When in
 * doubt, false. Thread-safe against forks of the same process as far as fork() itself is.
 */
bool family_alone(void);
