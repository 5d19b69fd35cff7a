/* SPDX-License-Identifier: MIT */
/*
 * observe-last.c - threads that end without a word
 *
 * A thread stops before its end and is reported; but one that is killed when it has begun
 * to end does not stop any more. That happens when a thread returns while another one calls
 * exit(3), and the first thread of a process is not even reported as gone until all the
 * others are. So it is not enough to count reports: the thread that waits for us is the
 * last if all the others are beyond that stop, which their flags in /proc tell.
 *
 * Others that have SIGKILL pending, as all have in exit(3), will either stop or go on like
 * that. Until it shows which, the one that waits keeps the memory alive. It is no use to
 * wait for those that are simply running: for exec, say, the waiting one must go first.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe-last.h"
#include "process.h"

#define PF_EXITING 0x4 /* of the kernel: include/linux/sched.h */

/* "12 (a name) S 1 12 12 0 -1 4194304 ...": the state, and the flags six behind it. */
static bool read_state(pid_t tid, char *ret_state, unsigned long *ret_flags)
{
	char path[64], line[512];
	const char *behind_name;
	FILE *file;
	bool good;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	good = fgets(line, sizeof(line), file) != NULL;
	fclose(file);
	behind_name = good ? strrchr(line, ')') : NULL;
	return behind_name &&
	       sscanf(behind_name, ") %c %*d %*d %*d %*d %*d %lu", ret_state, ret_flags) == 2;
}

static bool is_past(pid_t tid)
{
	unsigned long flags;
	char state;

	return !read_state(tid, &state, &flags) || state == 'Z' || state == 'X' ||
	       flags & PF_EXITING;
}

static bool is_killed(pid_t tid)
{
	char pending[64];

	return process_field(tid, "SigPnd", pending, sizeof(pending)) &&
	       strtoull(pending, NULL, 16) >> (SIGKILL - 1) & 1;
}

enum last last_is(const struct observation *observation, const struct tracee *tracee)
{
	enum last ret = LAST_YES;

	for (struct tracee *other = observation->tracees; other; other = other->next) {
		if (other == tracee || other->member != tracee->member || other->is_ending)
			continue;
		/* it may have been killed, and have passed, between the two */
		if (is_past(other->tid))
			continue;
		if (!is_killed(other->tid) && !is_past(other->tid))
			return LAST_NO;
		ret = LAST_PERHAPS;
	}
	return ret;
}
