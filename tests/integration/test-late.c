/* SPDX-License-Identifier: MIT */
/*
 * Description: plugins that arrive after a fork stay private, and a daemon is no fork
 *
 * Pages made after a fork cannot reach the processes that exist already. So a late plugin
 * stays private, which is said, exactly once; FONDUE_LATE=1 shares it with the children
 * still to come. But a daemon that forks to leave its parent behind has no relatives when
 * it loads its modules: they are shared with its workers like those of any other program.
 */
#include <pty.h>
#include <sched.h>
#include <sys/syscall.h>

#include <fondue/shared.h>

#include "load.h"
#include "orphans.h"

/*
 * musl searches nothing for a caller's sake, and never unloads: tests of that are
 * glibc's.
 */

FONDUE_SHARED static volatile int word = 1;

/* A child that has come and gone. */
static void fork_once(void)
{
	if (!is_shared(&word))
		exit(1);
}

static int play_after(void)
{
	fork_once();
	plugin_print(plugin_open("counter.so"));
	return 0;
}

#ifdef __GLIBC__
static int play_after_by_name(void)
{
	void *caller = dlopen(run_beside("plugins/caller-runpath.so"), RTLD_NOW);
	void *(*load)(const char *, int);

	*(void **)&load = plugin_function(caller, "plugin_load");
	fork_once();
	plugin_print_sharing(plugin_of(load("counter.so", RTLD_NOW)));
	return 0;
}
#endif

/* The same plugin three times is one plugin. */
static int play_after_thrice(void)
{
	struct plugin plugin;

	fork_once();
	for (int i = 0; i < 3; i++)
		plugin = plugin_open("counter.so");
	plugin_print(plugin);
	return 0;
}

/* A program that loads and unloads for each request would fill its log. */
static int play_after_reloaded(void)
{
	fork_once();
	for (int i = 0; i < 100; i++)
		dlclose(plugin_open("counter.so").handle);
	plugin_print(plugin_open("counter.so"));
	return 0;
}

/* What came before stays as it was. */
static int play_before_and_after(void)
{
	struct plugin before = plugin_open("counter.so");

	fork_once();
	plugin_print(plugin_open("spare-0.so"));
	plugin_print(before);
	return 0;
}

#ifdef __GLIBC__
static int play_reload(void)
{
	struct plugin plugin = plugin_open("counter.so");

	plugin_print(plugin);
	dlclose(plugin.handle);
	plugin_print(plugin_open("counter.so"));
	return 0;
}
#endif

/* A child prints its own findings, and its parent waits for it. */
static int in_child(pid_t (*how)(void))
{
	pid_t pid = how();

	if (pid == 0) {
		plugin_print(plugin_open("counter.so"));
		fflush(stdout);
		_exit(CHILD_DONE);
	}
	return exit_status(pid) == CHILD_DONE ? 0 : 1;
}

static int play_in_child(void)
{
	return in_child(fork);
}

static pid_t raw_clone(void)
{
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int play_in_raw_child(void)
{
	return in_child(raw_clone);
}

static int do_nothing(void *unused)
{
	(void)unused;
	return CHILD_DONE;
}

static int play_after_clone(void)
{
	static char stack[1 << 16];
	pid_t pid = clone(do_nothing, stack + sizeof(stack), SIGCHLD, NULL);

	if (exit_status(pid) != CHILD_DONE)
		return 1;
	plugin_print(plugin_open("counter.so"));
	return 0;
}

/* Two threads of a process are no family. */
static int play_after_clone_vm(void)
{
	static char stack[1 << 16];
	pid_t pid = clone(do_nothing, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);

	if (exit_status(pid) != CHILD_DONE)
		return 1;
	plugin_print(plugin_open("counter.so"));
	return 0;
}

static int play_after_forkpty(void)
{
	int terminal;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

	if (pid == 0)
		_exit(CHILD_DONE);
	if (exit_status(pid) != CHILD_DONE)
		return 1;
	plugin_print(plugin_open("counter.so"));
	return 0;
}

static int play_daemon(void)
{
	fork_away();
	plugin_print(plugin_open("counter.so"));
	return 0;
}

static int play_daemon_twice(void)
{
	fork_away();
	setsid();
	fork_away();
	plugin_print(plugin_open("counter.so"));
	return 0;
}

static int play_daemon_libc(void)
{
	if (daemon(1, 1) != 0)
		return 1;
	wait_orphaned();
	plugin_print(plugin_open("counter.so"));
	return 0;
}

/* What the start of the daemon had shared, its workers share with it. */
static int play_daemon_early(void)
{
	struct plugin early = plugin_open("counter.so");

	fork_away();
	plugin_print(early);
	return 0;
}

/* The daemon's brother, forked before it, still runs. */
static int play_daemon_brother(void)
{
	if (!fork_brother())
		return 1;
	fork_away();
	plugin_print(plugin_open("counter.so"));
	return 0;
}

/* The daemon has had a worker, of which nothing is left. */
static int play_daemon_worker(void)
{
	fork_away();
	fork_once();
	plugin_print(plugin_open("counter.so"));
	return 0;
}

static const struct scenario scenarios[] = {
	{"after", play_after},
#ifdef __GLIBC__
	{"after-by-name", play_after_by_name},
#endif
	{"after-thrice", play_after_thrice},
	{"after-reloaded", play_after_reloaded},
	{"before-and-after", play_before_and_after},
#ifdef __GLIBC__
	{"reload", play_reload},
#endif
	{"in-child", play_in_child},
	{"in-raw-child", play_in_raw_child},
	{"after-clone", play_after_clone},
	{"after-clone-vm", play_after_clone_vm},
	{"after-forkpty", play_after_forkpty},
	{"daemon", play_daemon},
	{"daemon-twice", play_daemon_twice},
	{"daemon-libc", play_daemon_libc},
	{"daemon-early", play_daemon_early},
	{"daemon-brother", play_daemon_brother},
	{"daemon-worker", play_daemon_worker},
	{NULL, NULL},
};

#define SHARED	"active 7 shared\n"
#define PRIVATE "inactive 7 private\n"

static void test_after(void)
{
	static const struct expectation expected[] = {
		{"a plugin loaded after a fork stays private, which is said once",
			"after", PRIVATE, 1, NULL, NULL},
#ifdef __GLIBC__
		{"and so when it is found through its caller's path", "after-by-name",
			"- 7 private\n", 1, NULL, NULL},
#endif
		{"loaded three times over, it is said once", "after-thrice", PRIVATE, 1,
			NULL, NULL},
		{"loaded and unloaded 100 times, it is said once", "after-reloaded",
			PRIVATE, 1, NULL, NULL},
		{"what was loaded before the fork stays shared", "before-and-after",
			PRIVATE SHARED, 1, NULL, NULL},
#ifdef __GLIBC__
		{"a plugin shared before, and loaded again after a fork, is private",
			"reload", SHARED PRIVATE, 1, NULL, NULL},
#endif
		{"a plugin loaded in a child stays private, said once", "in-child",
			PRIVATE, 1, NULL, NULL},
		{"and so in the child of a raw system call", "in-raw-child", PRIVATE, 1,
			NULL, NULL},
		{"a child by clone() is a relative", "after-clone", PRIVATE, 1, NULL,
			NULL},
		{"a clone() that shares all memory is none", "after-clone-vm", SHARED, 0,
			NULL, NULL},
		{"a child by forkpty() is a relative", "after-forkpty", PRIVATE, 1, NULL,
			NULL},
		{0},
	};

	test_expected(expected);
}

static void test_late_allowed(void)
{
	static const struct expectation expected[] = {
		{"FONDUE_LATE=1: a late plugin is shared with later children", "after",
			SHARED, 0, "FONDUE_LATE=1", NULL},
#ifdef __GLIBC__
		{"FONDUE_LATE=1: and so when it is found through its caller's path",
			"after-by-name", "- 7 shared\n", 0, "FONDUE_LATE=1", NULL},
#endif
		{"FONDUE_LATE=1: a child's plugin is shared with its own children",
			"in-child", SHARED, 0, "FONDUE_LATE=1", NULL},
		{"FONDUE_LATE=0 is the default", "after", PRIVATE, 1, "FONDUE_LATE=0",
			NULL},
		{0},
	};

	test_expected(expected);
}

static void test_daemons(void)
{
	static const struct expectation expected[] = {
		{"a plugin loaded by a daemon, its parent gone, is shared", "daemon",
			SHARED, 0, NULL, NULL},
		{"and so after a second fork, though nobody has waited for the first "
		 "parent",
			"daemon-twice", SHARED, 0, NULL, NULL},
		{"and so after daemon(3)", "daemon-libc", SHARED, 0, NULL, NULL},
		{"what its start had loaded stays shared", "daemon-early", SHARED, 0,
			NULL, NULL},
		{"a daemon with a living brother has relatives: private, said once",
			"daemon-brother", PRIVATE, 1, NULL, NULL},
		{"a daemon that has had a worker: shared, with those to come",
			"daemon-worker", SHARED, 0, NULL, NULL},
		{0},
	};

	test_expected(expected);
}

static void test_message(void)
{
	static struct run r;

	r = (struct run){.args = {run_self(), "after"}};
	run(&r);
	test("the message names the plugin, the cause and FONDUE_LATE",
		run_explain(&r, strstr(r.err, run_beside("plugins/counter.so")) &&
					strstr(r.err, "after the process had forked") &&
					strstr(r.err, "FONDUE_LATE=1")));
}

int main(int argc, char **argv)
{
	orphans_start(argc == 1);
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_after();
	test_late_allowed();
	test_daemons();
	test_message();
	return tap_done();
}
