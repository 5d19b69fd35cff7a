/* SPDX-License-Identifier: MIT */
/*
 * run.h - run a program under the preload or without it, and look at all it said and did
 *
 * The build file sets LD_PRELOAD to the library for the test alone; run_library() is what
 * it was. Most tests here are two programs in one: called without arguments the driver,
 * which runs itself again with the name of a scenario, under limits or filters that must
 * hold from the program's first instruction; the scenario prints what it saw.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../tap.h"

/* A run that takes longer hangs; the machine may be busy. */
#define RUN_DEADLINE_S 60
#define RUN_ARGS_MAX   16

struct run {
	const char *args[RUN_ARGS_MAX];	  /* args[0] is the file; ends with NULL */
	const char *env[RUN_ARGS_MAX];	  /* further "NAME=value"; ends with NULL */
	bool plain;			  /* without the preload */
	void (*prepare)(const void *arg); /* in the new process, before its exec */
	const void *arg;

	/* What came of it. */
	bool timed_out;
	int status;	   /* as from waitpid() */
	long peak_kib;	   /* largest resident set */
	char out[1 << 16]; /* what it wrote to standard output, and error */
	char err[1 << 16];
};

static inline const char *run_library(void)
{
	static char library[4096];

	if (!*library && getenv("LD_PRELOAD"))
		snprintf(library, sizeof(library), "%s", getenv("LD_PRELOAD"));
	if (!*library)
		tap_bail_out("LD_PRELOAD does not name the library to be tested");
	return library;
}

/* The path of this very test. Scenarios are given it as their name: /proc may be missing.
 */
static inline const char *run_self(void)
{
	static char self[4096];

	if (*program_invocation_name == '/')
		return program_invocation_name;
	if (!*self && readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0)
		tap_bail_out("/proc/self/exe cannot be read");
	return self;
}

/*
 * The path of another product of this directory, such as "plugins/counter.so". Never
 * freed: threads may ask for several.
 */
static inline const char *run_beside(const char *name)
{
	int len = strrchr(run_self(), '/') - run_self();
	char *path;

	if (asprintf(&path, "%.*s/%s", len, run_self(), name) < 0)
		tap_bail_out("no memory");
	return path;
}

static inline void run_child_(struct run *run, const int out[2], const int err[2])
{
	setpgid(0, 0);
	dup2(out[1], STDOUT_FILENO);
	dup2(err[1], STDERR_FILENO);
	for (unsigned i = 0; i < 2; i++) {
		close(out[i]);
		close(err[i]);
	}
	unsetenv("LD_LIBRARY_PATH"); /* the build tool's: it would find what must not be
					found */
	if (run->plain)
		unsetenv("LD_PRELOAD");
	else
		setenv("LD_PRELOAD", run_library(), 1);
	for (unsigned i = 0; run->env[i]; i++)
		putenv((char *)run->env[i]);
	if (run->prepare)
		run->prepare(run->arg);
	execv(run->args[0], (char *const *)run->args);
	_exit(126);
}

/* Read once from @fd to the end of @text; false at the end of the file. */
static inline bool run_take_(int fd, char *text, size_t size)
{
	size_t len = strlen(text);
	char rest[4096]; /* whoever says more than fits is read on, and cut */
	ssize_t got = len + 1 < size ? read(fd, text + len, size - 1 - len)
				     : read(fd, rest, sizeof(rest));

	if (got > 0 && len + 1 < size)
		text[len + got] = '\0';
	return got > 0 || (got < 0 && errno == EINTR);
}

static inline long run_now_ms_(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void run_listen_(struct run *run, int out, int err, pid_t pid)
{
	long deadline = run_now_ms_() + RUN_DEADLINE_S * 1000;
	struct pollfd fds[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		long left = deadline - run_now_ms_();

		if (left <= 0) {
			run->timed_out = true;
			kill(-pid, SIGKILL);
			return;
		}
		if (poll(fds, 2, left) <= 0)
			continue;
		if (fds[0].revents && !run_take_(out, run->out, sizeof(run->out)))
			fds[0].fd = -1;
		if (fds[1].revents && !run_take_(err, run->err, sizeof(run->err)))
			fds[1].fd = -1;
	}
}

/*
 * run() - run it to the end of its output, that of its children included
 *
 * Return: @run, with the results filled in.
 */
static inline struct run *run(struct run *run)
{
	int out[2], err[2];
	struct rusage usage;
	pid_t pid;

	run_self(); /* while /proc is as we know it */
	run_library();
	*run->out = *run->err = '\0';
	run->timed_out = false;
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		tap_bail_out("no pipes");
	pid = fork();
	if (pid < 0)
		tap_bail_out("no process");
	if (pid == 0)
		run_child_(run, out, err);
	close(out[1]);
	close(err[1]);
	run_listen_(run, out[0], err[0], pid);
	wait4(pid, &run->status, 0, &usage);
	run->peak_kib = usage.ru_maxrss;
	close(out[0]);
	close(err[0]);
	return run;
}

static inline bool run_succeeded(const struct run *run)
{
	return !run->timed_out && WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0;
}

/* How many lines of @text contain @what? */
static inline unsigned run_lines(const char *text, const char *what)
{
	unsigned lines = 0;

	while (*text) {
		const char *end = strchrnul(text, '\n');
		const char *found = strstr(text, what);

		lines += found && found <= end;
		text = *end ? end + 1 : end;
	}
	return lines;
}

/* Lines that the runtime has said. */
static inline unsigned run_said(const struct run *run)
{
	return run_lines(run->err, "fondue[");
}

static inline void run_quote_(const char *name, const char *text)
{
	for (const char *end; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '\n');
		printf("#   %s: %.*s\n", name, (int)(end - text), text);
	}
}

/* Show all of a run that was not as it should be. Return: @good. */
static inline bool run_explain(const struct run *run, bool good)
{
	if (!good) {
		printf("# %s %s %s: status 0x%x\n", run->args[0],
			run->args[1] ? run->args[1] : "",
			run->timed_out ? "hung" : "ended", (unsigned)run->status);
		run_quote_("out", run->out);
		run_quote_("err", run->err);
	}
	return good;
}

struct scenario {
	const char *name;
	int (*play)(void);
};

/* Play the scenario that main()'s second argument names. Return: its result. */
static inline int run_scenario(const struct scenario *scenarios, const char *name)
{
	for (; scenarios->name; scenarios++)
		if (!strcmp(scenarios->name, name))
			return scenarios->play();
	return 125;
}
