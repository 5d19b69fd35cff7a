/* SPDX-License-Identifier: MIT */
/*
 * disposition.h - what would become of a signal to another thread, as /proc tells
 *
 * /proc/PID/task/TID/status may be read of any process that can be seen, whoever it belongs
 * to and whatever keeps its memory from being looked at.
 */
#pragma once

#include <sys/types.h>

#include "base.h"

struct disposition {
	pid_t pid;		  /* the process of the thread */
	char state;		  /* 'R', 'S', 'T', ...: as in thread-state.c */
	uint64_t blocked;	  /* by the thread; bit N - 1 is signal N, as in the next two */
	uint64_t ignored, caught; /* by the process, on its own account */
	bool is_filtered;	  /* it has a seccomp filter, or may not do anything at all */
};

/* Return: 0; -ESRCH: there is no such thread; -EACCES and others: not to be had. */
int disposition_read(pid_t pid, pid_t tid, struct disposition *ret);

static inline bool disposition_has(uint64_t set, int number)
{
	return set >> (number - 1) & 1;
}
