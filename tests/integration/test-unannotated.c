/* SPDX-License-Identifier: MIT */
/*
 * Description: a daemon that annotates nothing itself loads a plugin that does
 *
 * As a server with modules is: the program knows nothing of sharing, so the runtime has
 * nothing to do until a module comes, long after the program has become a daemon. It must
 * tell a daemon from a child all the same. This file is that program, and so does not
 * include <fondue/shared.h>; test-late.c is its like with variables of its own.
 */
#include "load.h"
#include "orphans.h"

static int load(void)
{
	plugin_print(plugin_open("counter.so"));
	return 0;
}

static int play_alone(void)
{
	return load();
}

static int play_daemon_libc(void)
{
	if (daemon(1, 1) != 0)
		return 1;
	wait_orphaned();
	return load();
}

static int play_daemon_twice(void)
{
	fork_away();
	setsid();
	fork_away();
	return load();
}

/* The brother was forked before it, and still runs. */
static int play_daemon_brother(void)
{
	if (!fork_brother())
		return 1;
	fork_away();
	return load();
}

/* What a daemon has loaded is one for all its workers. */
static int play_daemon_workers(void)
{
	struct plugin plugin;
	pid_t workers[3];

	fork_away();
	plugin = plugin_open("counter.so");
	for (unsigned i = 0; i < 3; i++) {
		workers[i] = fork();
		if (workers[i] == 0) {
			__atomic_add_fetch(plugin.hits(), 1, __ATOMIC_RELAXED);
			_exit(CHILD_DONE);
		}
	}
	for (unsigned i = 0; i < 3; i++)
		if (exit_status(workers[i]) != CHILD_DONE)
			return 1;
	printf("%d\n", *plugin.hits());
	return 0;
}

static int play_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(load());
	return exit_status(pid);
}

static const struct scenario scenarios[] = {
	{ "alone", play_alone },
	{ "daemon-libc", play_daemon_libc },
	{ "daemon-twice", play_daemon_twice },
	{ "daemon-brother", play_daemon_brother },
	{ "daemon-workers", play_daemon_workers },
	{ "child", play_child },
	{ NULL, NULL },
};

#define SHARED	"active 7 shared\n"
#define PRIVATE "inactive 7 private\n"

static const struct expectation expected[] = {
	{ "a plugin of a program that annotates nothing is shared", "alone", SHARED, 0, NULL,
		PRIVATE },
	{ "and so of one that has become a daemon by daemon(3)", "daemon-libc", SHARED, 0, NULL,
		PRIVATE },
	{ "or by two forks", "daemon-twice", SHARED, 0, NULL, PRIVATE },
	{ "all workers of such a daemon count in one variable", "daemon-workers", "10\n", 0,
		NULL, "7\n" },
	{ "if it has a living brother: private, said once", "daemon-brother", PRIVATE, 1, NULL,
		PRIVATE },
	{ "in a child whose parent lives: private, said once", "child", PRIVATE, 1, NULL,
		PRIVATE },
	{ 0 },
};

int main(int argc, char **argv)
{
	orphans_start(argc == 1);
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_expected(expected);
	return tap_done();
}
