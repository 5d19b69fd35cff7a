/* SPDX-License-Identifier: MIT */
/*
 * birth.c - a library that forks in its constructor, before the program's own
 * constructors
 *
 * What the child wrote is the library's to tell: a program built without -fPIC must not
 * name a library's annotated variables.
 */
#include <sys/wait.h>
#include <unistd.h>

#include <fondue/shared.h>

#include "birth.h"

FONDUE_SHARED static volatile int born;
static volatile int born_in_this_process;

__attribute__((constructor(101))) static void start(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		born++;
		born_in_this_process++;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

int birth_shared(void)
{
	return born;
}

int birth_private(void)
{
	return born_in_this_process;
}
