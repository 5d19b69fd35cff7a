/* SPDX-License-Identifier: MIT */
/*
 * observe-start.h - to start a program that is traced from its first instruction
 */
#pragma once

#include <signal.h>
#include <sys/types.h>

/* What this process had before it began to observe, which the program is to have. */
struct inherited {
	sigset_t mask;
	struct sigaction child; /* of SIGCHLD */
};

/*
 * start_program() - @argv[0] is looked for in PATH
 *
 * Return: NULL, and the program waits in the stop of its exec; or why not.
 */
const char *start_program(char *const *argv, const struct inherited *inherited, pid_t *ret_pid);
