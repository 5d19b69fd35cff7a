/* SPDX-License-Identifier: MIT */
/*
 * family.h - has this process relatives that could miss what it shares from now on?
 */
#pragma once

#include "base.h"

/*
 * family_start() - remember who we are; at start, before anything can fork
 * @late: the process runs already, and may have forked
 */
void family_start(bool late);

/* Before a fork, successful or not. Writes to memory once in a process. */
void family_forks(void);

/*
 * family_alone() - can no other living process expect to share with this one?
 *
 * In the first process of a family: it has not forked. In any other, a daemon for one: all
 * its relatives are gone. When in doubt, false. Keeps errno; reads /proc, not for hot paths.
 */
bool family_alone(void);
