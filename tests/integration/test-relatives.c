/* SPDX-License-Identifier: MIT */
/*
 * Description: a process with relatives is not taken for the only one of its family
 *
 * What getppid() says tells little: a child may have been made its parent's brother, or
 * have no parent that it could see. Nor does it matter whether a fork has succeeded: the
 * first process of a family that has tried counts as one that has children. In all these
 * cases a plugin stays private, which is said; test-late.c is about the ordinary ones.
 */
#include <sched.h>
#include <sys/syscall.h>

#include <fondue/shared.h>

#include "filter.h"
#include "load.h"

FONDUE_SHARED static volatile int word = 1;

static int load_and_print(void *unused)
{
	(void)unused;
	if (word != 1)
		return 1;
	plugin_print(plugin_open("counter.so"));
	return 0;
}

/* A child that its parent, alive, waits for by reading: it may not be its own to wait for. */
static int in_child(pid_t (*how)(void))
{
	int ends[2];
	char byte;
	pid_t pid;

	if (pipe(ends) < 0)
		return 1;
	pid = how();
	if (pid < 0)
		return 1;
	if (pid == 0)
		_exit(load_and_print(NULL));
	close(ends[1]);
	return read(ends[0], &byte, 1) == 0 ? 0 : 1;
}

/* Of the driver, then; which waits for nobody but the scenario. */
static pid_t raw_brother(void)
{
	return syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
}

static pid_t clone_with(int flags)
{
	static char stack[1 << 18] __attribute__((aligned(16)));

	return clone(load_and_print, stack + sizeof(stack), flags | SIGCHLD, NULL);
}

static pid_t brother(void)
{
	return clone_with(CLONE_PARENT);
}

static pid_t first_of_namespace(void)
{
	return clone_with(CLONE_NEWPID);
}

static pid_t fork_into_namespace(void)
{
	return unshare(CLONE_NEWPID) == 0 ? fork() : -1;
}

static int play_raw_brother(void)
{
	return in_child(raw_brother);
}

static int play_brother(void)
{
	return in_child(brother);
}

static int play_namespace(void)
{
	return in_child(first_of_namespace);
}

static int play_unshare(void)
{
	return in_child(fork_into_namespace);
}

/* No child can be asked: what fondue_active() says must do. */
static int play_failed(pid_t (*how)(void))
{
	static const struct rule rules[] = {
		{ SYS_clone, EAGAIN, 0, 0, 0 },
		{ SYS_clone3, EAGAIN, 0, 0, 0 },
#ifdef SYS_fork
		{ SYS_fork, EAGAIN, 0, 0, 0 },
#endif
		{ 0 },
	};

	if (!filter_install(rules) || how() != -1 || errno != EAGAIN)
		return 1;
	printf("%s\n", plugin_open("counter.so").active() ? "active" : "inactive");
	return 0;
}

static int play_failed_fork(void)
{
	return play_failed(fork);
}

static int play_failed_Fork(void)
{
	return play_failed(_Fork);
}

static pid_t plain_clone(void)
{
	return clone_with(0);
}

static int play_failed_clone(void)
{
	return play_failed(plain_clone);
}

static const struct scenario scenarios[] = {
	{ "raw-brother", play_raw_brother },
	{ "brother", play_brother },
	{ "namespace", play_namespace },
	{ "unshare", play_unshare },
	{ "failed-fork", play_failed_fork },
	{ "failed-Fork", play_failed_Fork },
	{ "failed-clone", play_failed_clone },
	{ NULL, NULL },
};

#define PRIVATE "inactive 7 private\n"

static void test_brothers(void)
{
	static const struct expectation expected[] = {
		{ "a child of clone(CLONE_PARENT) has a relative: private, said once",
			"brother", PRIVATE, 1, NULL, NULL },
		{ "and so one by a raw system call", "raw-brother", PRIVATE, 1, NULL, NULL },
		{ 0 },
	};

	test_expected(expected);
}

static bool may_make_namespaces(void)
{
	pid_t pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(CHILD_DONE);
	return exit_status(pid) == CHILD_DONE;
}

static void test_namespaces(void)
{
	static const struct expectation expected[] = {
		{ "the first process of a pid namespace has relatives: private, said once",
			"namespace", PRIVATE, 1, NULL, NULL },
		{ "and so when its parent has prepared it with unshare()", "unshare", PRIVATE,
			1, NULL, NULL },
		{ 0 },
	};

	if (may_make_namespaces())
		test_expected(expected);
	else
		tap_note("no pid namespaces here: their processes are not tested");
}

static void test_failed_forks(void)
{
	static const struct expectation expected[] = {
		{ "after a fork() that failed a plugin stays private, said once", "failed-fork",
			"inactive\n", 1, NULL, NULL },
		{ "and so after a _Fork() that failed", "failed-Fork", "inactive\n", 1, NULL,
			NULL },
		{ "and after a clone() that failed", "failed-clone", "inactive\n", 1, NULL,
			NULL },
		{ "FONDUE_LATE=1 shares it all the same", "failed-fork", "active\n", 0,
			"FONDUE_LATE=1", NULL },
		{ 0 },
	};

	test_expected(expected);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_brothers();
	test_namespaces();
	test_failed_forks();
	return tap_done();
}
