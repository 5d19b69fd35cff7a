/* SPDX-License-Identifier: MIT */
/*
 * inert.c - a program that annotates nothing, and marks for a tracer what it does
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "marks.h"

static void *do_nothing(void *arg)
{
	return arg;
}

/* @stale is what errno happens to be: some earlier error, which means nothing now. */
static void use_fork(int stale)
{
	pid_t pid;

	errno = stale;
	pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static void use_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, do_nothing, NULL) == 0)
		pthread_join(thread, NULL);
}

static void use_plugin(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW);

	if (!handle)
		exit(1);
	dlclose(handle);
}

/* What would show a runtime at work: in the maps, and in the status. */
static void show(const char *file, const char *what)
{
	FILE *lines = fopen(file, "re");
	char line[4096];

	while (lines && fgets(line, sizeof(line), lines))
		if (strstr(line, what))
			fputs(line, stdout);
	if (lines)
		fclose(lines);
}

int main(int argc, char **argv)
{
	mark(MARK_MAIN);
	if (argc < 2)
		return 1;
	mark(MARK_PLUGIN);
	use_plugin(argv[1]); /* first: after a fork even an annotated one stays private */
	mark(MARK_FORK);
	use_fork(0);
	use_fork(EAGAIN);
	mark(MARK_THREAD);
	use_thread();
	mark(MARK_SHOW);
	show("/proc/self/maps", "unwind");
	show("/proc/self/maps", "/dev/zero"); /* anonymous shared memory */
	show("/proc/self/status", "Threads:");
	show("/proc/self/status", "SigCgt:");
	printf("next descriptor %d\n", dup(0));
	fflush(stdout);
	mark(MARK_EXIT);
	return 0;
}
