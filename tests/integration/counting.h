/* SPDX-License-Identifier: MIT */
/*
 * counting.h - variables that children count in, and ways to make children
 */
#pragma once

#include <pty.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fondue/shared.h>

FONDUE_SHARED static volatile int word = 1;
FONDUE_SHARED static atomic_int count;
FONDUE_SHARED_ZERO static volatile int table[256];
static volatile int private_count;

static inline void reset(void)
{
	atomic_store(&count, 0);
	private_count = 0;
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		table[i] = 0;
}

/* What a child does: counts for the family and for itself. */
static inline void count_one(void)
{
	atomic_fetch_add(&count, 1);
	private_count++;
}

/* The kinds of children that are made by a function without arguments. */

#ifdef SYS_fork
static inline pid_t raw_fork(void)
{
	return syscall(SYS_fork);
}
#endif

static inline pid_t raw_clone(void)
{
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

/* The last child's terminal stays open until the next: closed, it hangs up on the child.
 */
static inline pid_t pty_fork(void)
{
	static int last = -1;

	close(last);
	return forkpty(&last, NULL, NULL, NULL);
}
