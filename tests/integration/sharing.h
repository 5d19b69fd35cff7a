/* SPDX-License-Identifier: MIT */
/*
 * sharing.h - is this variable one for the family? ask a child
 */
#pragma once

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Status of a child that did its work; 0 is what an accident would yield. */
#define CHILD_DONE 7

/* Wait for @pid. Return: its exit status, or -1 if it did not exit by itself. */
static inline int exit_status(pid_t pid)
{
	int status;

	if (pid <= 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * sharing_by() - what becomes of a child's write to *@variable, the child made by @how?
 *
 * Return: "shared", "private", or what else is wrong, in a word.
 */
static inline const char *sharing_by(pid_t (*how)(void), volatile int *variable)
{
	/* must stay private whatever happens; of the thread, since several may ask */
	static __thread volatile int ordinary;
	int before = *variable;
	pid_t pid;

	ordinary = before;
	pid = how();
	if (pid == 0) {
		int inherited = *variable == before && ordinary == before;

		*variable = ordinary = before + 1;
		_exit(inherited && *variable == before + 1 ? CHILD_DONE : 1);
	}
	if (pid < 0)
		return "no child";
	if (exit_status(pid) != CHILD_DONE)
		return "child failed";
	if (ordinary != before)
		return "neighbour shared";
	return *variable == before + 1 ? "shared"
	       : *variable == before   ? "private"
				       : "garbled";
}

static inline const char *sharing_of(volatile int *variable)
{
	return sharing_by(fork, variable);
}

static inline int is_shared(volatile int *variable)
{
	return !strcmp(sharing_of(variable), "shared");
}

/* Shared memory that is resident in this process, KiB. */
static inline long shared_kib(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "RssShmem: %ld", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib;
}
