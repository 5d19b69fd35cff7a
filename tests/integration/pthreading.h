/* SPDX-License-Identifier: MIT */
/*
 * pthreading.h - what the tests of libc's locks share: children at work, and asleep
 *
 * What does not work hangs. So whoever may wait for ever has an alarm, and a test that
 * fails fails within seconds.
 */
#pragma once

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "../unit/unit.h"

#define CHILDREN 4
#define ROUNDS	 20000
#define PATIENCE 10 /* seconds, for what takes some milliseconds */

static inline pid_t start_child(int (*work)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		tap_bail_out("no child");
	if (pid == 0) {
		alarm(PATIENCE);
		_exit(work());
	}
	return pid;
}

/* @work in several children at once. Return: did all of them get to their end? */
static inline bool all_do(int (*work)(void))
{
	pid_t children[CHILDREN];
	bool good = true;

	for (unsigned i = 0; i < CHILDREN; i++)
		children[i] = start_child(work);
	for (unsigned i = 0; i < CHILDREN; i++)
		good &= unit_wait(children[i]) == CHILD_GOOD;
	return good;
}

static inline char state_of(pid_t pid)
{
	char path[64], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return '?';
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(file);
	return state;
}

/*
 * Wait until @pid sleeps, which it does nowhere else once it has set *@about_to. Twice, for
 * it may have been about to say so.
 */
static inline bool falls_asleep(pid_t pid, atomic_int *about_to)
{
	time_t end = time(NULL) + PATIENCE;
	unsigned seen = 0;

	while (seen < 3 && time(NULL) <= end) {
		seen = atomic_load(about_to) && state_of(pid) == 'S' ? seen + 1 : 0;
		sched_yield();
	}
	return seen == 3;
}
