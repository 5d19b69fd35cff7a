/* SPDX-License-Identifier: MIT */
/*
 * held.h - a lock that is held for too long: for programs that held.py compiles
 *
 *	static void own(void)  { fondue_spin_lock(&lock); have(); for (;;) pause(); }
 *	static void want(void) { fondue_spin_lock(&lock); }
 *	int main(void)	       { return held(own, want); }
 *
 * A child is the owner; when it has told so by have(), its parent goes and waits. Both go on
 * until they are killed.
 */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fondue/spinlock.h>

#define KEEP __attribute__((noinline, noipa))
#ifdef __clang__
#undef KEEP
#define KEEP __attribute__((noinline, optnone))
#endif
/* Nothing is a tail call before it. */
#define STAY() __asm__ volatile("" : : : "memory")

static int held_pipe[2];

__attribute__((unused)) static void have(void)
{
	if (write(held_pipe[1], "x", 1) != 1)
		_exit(1);
}

__attribute__((unused)) static int held(void (*own)(void), void (*want)(void))
{
	pid_t owner;
	char byte;

	if (pipe(held_pipe) != 0)
		return 1;
	owner = fork();
	if (owner == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		own();
		for (;;)
			pause();
	}
	printf("%d %d\n", owner, getpid());
	fflush(stdout);
	if (read(held_pipe[0], &byte, 1) != 1)
		return 1;
	want();
	return 0;
}
