/* SPDX-License-Identifier: MIT */
/*
 * launch.h - start the programs that are measured, with a preload or without one
 *
 * All run on one processor, this one's: a new process then never waits for another one to
 * wake up, which costs more than what is to be measured, and differs from run to run. The
 * environment is the caller's, since its length is part of the cost of every start.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"

extern char **environ;

static inline void stay_on_this_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		bench_fail("sched_setaffinity");
}

/*
 * The environment with LD_PRELOAD=@library, or without that variable if it is NULL. The
 * loader only grumbles when there is no such file, and a runtime that refuses to share
 * lets the program run on; neither must be measured as if all were well.
 */
static inline char **preloading_with(const char *library, const char *variable)
{
	unsigned count = 0, kept = 0;
	char **env;

	if (library && access(library, R_OK) != 0)
		bench_fail(library);
	while (environ[count])
		count++;
	env = calloc(count + 4, sizeof(*env));
	if (!env)
		bench_fail("calloc");
	for (unsigned i = 0; i < count; i++)
		if (strncmp(environ[i], "LD_PRELOAD=", strlen("LD_PRELOAD=")) != 0)
			env[kept++] = environ[i];
	env[kept++] = (char *)"FONDUE_STRICT=1"; /* refused: no program */
	if (variable)
		env[kept++] = (char *)variable;
	if (library && asprintf(&env[kept], "LD_PRELOAD=%s", library) < 0)
		bench_fail("asprintf");
	return env;
}

static inline char **preloading(const char *library)
{
	return preloading_with(library, NULL);
}

static inline pid_t spawn(
	char *const *argv, char *const *env, const posix_spawn_file_actions_t *actions)
{
	pid_t pid;

	errno = posix_spawn(&pid, argv[0], actions, NULL, argv, env);
	if (errno)
		bench_fail(argv[0]);
	return pid;
}

/* Wait for a program that must succeed: a figure of one that did not run is a lie. */
static inline void finish(pid_t pid, const char *name)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		bench_fail("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "%s failed: status 0x%x\n", name, (unsigned)status);
		exit(EXIT_FAILURE);
	}
}
