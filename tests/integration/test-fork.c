/* SPDX-License-Identifier: MIT */
/*
 * Description: every kind of child shares, wherever and whenever it is made
 *
 * The pages are shared mappings before the program's first instruction, so it matters not
 * which function or system call makes the child: in constructors and exit handlers, deep
 * in a tree or after its parent has gone. test-fork-effects.c is about what fork() must
 * leave alone, test-fork-threads.c about signal handlers and threads.
 */
#include <sched.h>

#include "counting.h"
#include "plugins/birth.h"
#include "run.h"
#include "sharing.h"

/* Wait until every process that has the writing end of @ends has ended or closed it. */
static bool wait_all_closed(int ends[2])
{
	char byte;
	ssize_t got;

	close(ends[1]);
	got = read(ends[0], &byte, 1);
	close(ends[0]);
	return got == 0;
}

static int child_of_clone(void *unused)
{
	count_one();
	(void)unused;
	return CHILD_DONE;
}

static bool shares_by_clone(void)
{
	static char stack[1 << 16] __attribute__((aligned(16)));
	pid_t tid = 0;
	pid_t pid;

	reset();
	pid = clone(child_of_clone, stack + sizeof(stack), SIGCHLD | CLONE_PARENT_SETTID,
		NULL, &tid);
	return exit_status(pid) == CHILD_DONE && count == 1 && private_count == 0 &&
	       tid == pid;
}

/* daemon() ends its caller, hence the child in between. */
static bool shares_by_daemon(void)
{
	int ends[2];
	pid_t pid;

	reset();
	if (pipe(ends) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		if (daemon(1, 1) != 0)
			_exit(1);
		count_one();
		_exit(CHILD_DONE);
	}
	/* the parent that daemon() ends, and then the daemon itself */
	return exit_status(pid) == 0 && wait_all_closed(ends) && count == 1 &&
	       private_count == 0;
}

static bool is_shared_by(pid_t (*how)(void))
{
	return !strcmp(sharing_by(how, &word), "shared");
}

static void test_kinds(void)
{
	test("fork() shares", is_shared_by(fork));
	test("_Fork() shares", is_shared_by(_Fork));
#ifdef SYS_fork
	test("the bare system call fork shares", is_shared_by(raw_fork));
#endif
	test("the bare system call clone shares", is_shared_by(raw_clone));
	test("clone() without CLONE_VM shares, and passes its further arguments on",
		shares_by_clone());
	test("forkpty() shares", is_shared_by(pty_fork));
	test("daemon() shares", shares_by_daemon());
}

/* Trees */

static int descend(int depth)
{
	pid_t pid;

	count_one();
	if (depth == 0)
		return CHILD_DONE;
	pid = fork();
	if (pid == 0)
		_exit(descend(depth - 1));
	return exit_status(pid);
}

static bool deep_tree(void)
{
	pid_t pid;

	reset();
	pid = fork();
	if (pid == 0)
		_exit(descend(49));
	return exit_status(pid) == CHILD_DONE && count == 50 && private_count == 0;
}

#define WIDTH 200

/* All of them live at the same time: none goes before the gate opens. */
static bool wide_tree(void)
{
	pid_t pids[WIDTH];
	int gate[2];
	bool good;

	reset();
	if (pipe(gate) < 0)
		return false;
	for (int i = 0; i < WIDTH; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			close(gate[1]);
			(void)!read(gate[0], &(char){0}, 1);
			table[i] = i + 1;
			count_one();
			_exit(CHILD_DONE);
		}
	}
	close(gate[0]);
	close(gate[1]);
	good = true;
	for (int i = 0; i < WIDTH; i++)
		good = exit_status(pids[i]) == CHILD_DONE && table[i] == i + 1 && good;
	return good && count == WIDTH && private_count == 0;
}

/*
 * The grandchild works when the child has gone: the pipe tells, which the child had open.
 */
static bool outlives_its_parent(void)
{
	int child_lives[2], done[2];
	pid_t pid;

	reset();
	if (pipe(child_lives) < 0 || pipe(done) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		pid = fork();
		if (pid)
			_exit(pid > 0 ? CHILD_DONE : 1);
		if (!wait_all_closed(child_lives))
			_exit(1);
		count_one();
		_exit(0);
	}
	close(child_lives[0]);
	close(child_lives[1]);
	return exit_status(pid) == CHILD_DONE && wait_all_closed(done) && count == 1 &&
	       private_count == 0;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	sched_yield();
	return waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid;
}

/* Both ways, while both live. */
static bool talk(void)
{
	pid_t pid;

	reset();
	pid = fork();
	if (pid == 0) {
		for (int i = 1; i <= 1000; i++) {
			while (table[0] != i)
				sched_yield();
			table[1] = i;
		}
		_exit(CHILD_DONE);
	}
	for (int i = 1; i <= 1000; i++) {
		table[0] = i;
		while (table[1] != i)
			if (has_ended(pid) && table[1] != i)
				return false;
	}
	return exit_status(pid) == CHILD_DONE;
}

static void test_trees(void)
{
	test("a line of 50 generations shares", deep_tree());
	test("200 children at once share", wide_tree());
	test("a child that outlives its parent shares with its grandparent",
		outlives_its_parent());
	test("parent and child see each other's writes as they happen", talk());
}

/* Ends */

static bool exit_codes(void)
{
	for (int code = 0; code < 256; code += 15) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(code);
		if (exit_status(pid) != code)
			return false;
	}
	return true;
}

static bool dies_by(int signal_number)
{
	static const struct rlimit no_core;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		signal(signal_number, SIG_DFL);
		count_one();
		kill(getpid(), signal_number);
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == signal_number;
}

static bool deaths(void)
{
	static const int signals[] = {
		SIGKILL, SIGSEGV, SIGABRT, SIGTERM, SIGPIPE, SIGBUS};

	reset();
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!dies_by(signals[i]) || count != (int)i + 1)
			return false;
	return private_count == 0;
}

static void fork_at_exit(void)
{
	printf("%s\n", sharing_of(&word));
}

static int play_at_exit(void)
{
	atexit(fork_at_exit);
	return 3;
}

static bool forks_at_exit(void)
{
	static struct run r;

	r = (struct run){.args = {run_self(), "at-exit"}};
	run(&r);
	return run_explain(&r, WIFEXITED(r.status) && WEXITSTATUS(r.status) == 3 &&
				       !strcmp(r.out, "shared\n"));
}

static void test_ends(void)
{
	test("exit codes arrive", exit_codes());
	test("children that die by a signal do, and what they wrote before stays",
		deaths());
	test("fork() in an atexit() handler shares", forks_at_exit());
}

/* Before main() */

FONDUE_SHARED static volatile int in_constructor, in_preinit;
static volatile int private_in_constructor;

static void fork_before_main(volatile int *shared)
{
	pid_t pid = fork();

	if (pid == 0) {
		(*shared)++;
		private_in_constructor++;
		_exit(CHILD_DONE);
	}
	waitpid(pid, NULL, 0);
}

__attribute__((constructor)) static void constructor(void)
{
	fork_before_main(&in_constructor);
}

#ifdef __GLIBC__
/* Run before the constructors of all libraries, as those of a sanitizer are. */
static void preinit(void)
{
	fork_before_main(&in_preinit);
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit_entry)(
	void) = preinit;
#endif

static void test_before_main(void)
{
	test("fork() in a constructor of the program shares",
		in_constructor == 1 && private_in_constructor == 0);
	test("fork() in a constructor of a library shares",
		birth_shared() == 1 && birth_private() == 0);
#ifdef __GLIBC__
	test("fork() in the program's preinit_array shares", in_preinit == 1);
#endif
	test("fondue_active() is true in main", fondue_active() == 1);
}

static const struct scenario scenarios[] = {
	{"at-exit", play_at_exit},
	{NULL, NULL},
};

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_before_main();
	test_kinds();
	test_trees();
	test_ends();
	return tap_done();
}
