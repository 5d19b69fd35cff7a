/* SPDX-License-Identifier: MIT */
/*
 * forker.c - a plugin whose constructor forks, and expects the child's work to arrive
 */
#include <sys/wait.h>
#include <unistd.h>

#include <fondue/shared.h>

#include "plugin.h"

FONDUE_SHARED static volatile int hits = PLUGIN_FRESH;
static volatile int own;

__attribute__((constructor)) static void start(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		hits++;
		own++;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

volatile int *plugin_hits(void)
{
	return &hits;
}

volatile int *plugin_own(void)
{
	return &own;
}

int plugin_active(void)
{
	return fondue_active();
}
