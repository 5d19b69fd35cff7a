/* SPDX-License-Identifier: MIT */
/*
 * Description: programs that a program starts
 *
 * vfork(), posix_spawn(), system() and popen() are not hooked, or come by a hook that
 * lets them pass. What they start loads the library again and is a family of its own.
 */
#include <spawn.h>

#include "counting.h"
#include "run.h"
#include "sharing.h"

#ifdef __GLIBC__
/* Under musl the library is for musl programs, and the shell is none. */
#define SHELL 1
#endif

/* A program of its own: what it does to its variables is its own affair. */
static int play_exit_5(void)
{
	count_one();
	return is_shared(&word) && count == 1 ? 5 : 6;
}

static char *const exit_5[] = {(char *)"test-fork", (char *)"exit-5", NULL};

static bool starts_by_vfork(void)
{
	volatile int on_stack = 1;
	pid_t pid;

	reset();
	pid = vfork();
	if (pid == 0) {
		on_stack = 2; /* the very same memory */
		execv(run_self(), exit_5);
		_exit(1);
	}
	return exit_status(pid) == 5 && on_stack == 2 && count == 0;
}

static bool vfork_is_vfork(void)
{
	pid_t pid;

	reset();
	pid = vfork();
	if (pid == 0) {
		count_one();
		_exit(CHILD_DONE);
	}
	return exit_status(pid) == CHILD_DONE && count == 1 && private_count == 1;
}

static bool starts_by_spawn(void)
{
	pid_t pid;

	reset();
	return posix_spawn(&pid, run_self(), NULL, NULL, exit_5, environ) == 0 &&
	       exit_status(pid) == 5 && count == 0;
}

static bool starts_by_exec(void)
{
	pid_t pid;

	reset();
	pid = fork();
	if (pid == 0) {
		execv(run_self(), exit_5);
		_exit(1);
	}
	return exit_status(pid) == 5 && count == 0;
}

static bool spawn_fails_as_ever(void)
{
	pid_t pid;

	return posix_spawn(&pid, "/no/such/program", NULL, NULL, exit_5, environ) ==
	       ENOENT;
}

#ifdef SHELL
static bool popen_works(void)
{
	char line[32] = "";
	FILE *pipe = popen("read line; echo \"<$line>\" >&2; exit 9", "w");
	FILE *from = popen("echo hello", "r");

	return pipe && from && fgets(line, sizeof(line), from) &&
	       !strcmp(line, "hello\n") && pclose(from) == 0 && pclose(pipe) == 9 << 8;
}
#endif

static void test_programs(void)
{
	test("vfork() and exec: the child is in our memory, the program is not",
		starts_by_vfork());
	test("vfork() and _exit: all that the child wrote is there", vfork_is_vfork());
	test("posix_spawn() starts a family of its own", starts_by_spawn());
	test("fork() and exec: likewise", starts_by_exec());
	test("posix_spawn() of what does not exist says so", spawn_fails_as_ever());
#ifdef SHELL
	test("system() gives the command's status", system("exit 3") == 3 << 8);
	test("popen() reads and writes, pclose() gives the status", popen_works());
#endif
}

static const struct scenario scenarios[] = {
	{"exit-5", play_exit_5},
	{NULL, NULL},
};

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_programs();
	return tap_done();
}
