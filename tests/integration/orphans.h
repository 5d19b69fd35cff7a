/* SPDX-License-Identifier: MIT */
/*
 * orphans.h - daemons, which leave their parents behind
 *
 * The driver takes orphans in (PR_SET_CHILD_SUBREAPER) and is no relative of theirs: it
 * has executed the scenario. So a scenario can tell when its parent is gone.
 */
#pragma once

#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static pid_t reaper; /* the driver, seen from a scenario */

/* Call it first: until a scenario forks, the driver is its parent. */
static inline void orphans_start(bool is_driver)
{
	reaper = getppid();
	if (is_driver)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Until that has become our parent; for ever is a minute. */
static inline void wait_orphaned(void)
{
	const struct timespec millisecond = { .tv_nsec = 1000000 };

	for (int i = 0; getppid() != reaper; i++) {
		if (i > 60000)
			_exit(1);
		nanosleep(&millisecond, NULL);
	}
}

/* Leave the parent behind, as daemons do. */
static inline void fork_away(void)
{
	pid_t pid = fork();

	if (pid)
		_exit(pid < 0);
	wait_orphaned();
}

/* A child that lives until its parent and all who descend from it have ended. */
static inline bool fork_brother(void)
{
	int ends[2];
	char byte;

	if (pipe(ends) < 0)
		return false;
	if (fork() == 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1));
	}
	return true;
}
