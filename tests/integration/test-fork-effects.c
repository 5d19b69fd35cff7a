/* SPDX-License-Identifier: MIT */
/*
 * Description: fork() leaves alone what is none of its business
 *
 * errno, the signal mask, the errors of a fork that fails, and the order of the handlers
 * that the program has registered with pthread_atfork(), before which the runtime has
 * registered its own.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

#include "counting.h"
#include "filter.h"
#include "run.h"
#include "sharing.h"

/* An errno that no system call sets. */
#define SENTINEL 4242

static bool keeps_errno(pid_t (*how)(void))
{
	int in_parent;
	pid_t pid;

	errno = SENTINEL;
	pid = how();
	in_parent = errno;
	if (pid == 0)
		_exit(in_parent == SENTINEL ? CHILD_DONE : 1);
	return exit_status(pid) == CHILD_DONE && in_parent == SENTINEL;
}

/* In a child, since the filter stays; EUCLEAN is no error that fork() has by itself. */
static bool fails_with(pid_t (*how)(void), int error)
{
	const struct rule rules[] = {{SYS_clone, error, 0, 0, 0},
#ifdef SYS_fork
		{SYS_fork, error, 0, 0, 0},
#endif
		{0}};
	pid_t pid = fork();

	if (pid == 0) {
		if (!filter_install(rules))
			_exit(2);
		for (int i = 0; i < 3; i++) {
			errno = SENTINEL;
			if (how() != -1 || errno != error)
				_exit(1);
		}
		_exit(CHILD_DONE);
	}
	return exit_status(pid) == CHILD_DONE;
}

/* The usual way to fail. */
static bool fails_for_want_of_processes(void)
{
	const struct rlimit limit = {1, 1};
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() == 0 && (setgid(54321) || setuid(54321)))
			_exit(2);
		if (setrlimit(RLIMIT_NPROC, &limit) < 0)
			_exit(2);
		pid = fork(); /* the one process that is allowed is this one */
		if (pid == 0)
			_exit(0);
		_exit(pid == -1 && errno == EAGAIN ? CHILD_DONE : 1);
	}
	return exit_status(pid) == CHILD_DONE;
}

static bool same_mask(const sigset_t *expected)
{
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int i = 1; i < NSIG; i++)
		if (sigismember(&mask, i) != sigismember(expected, i))
			return false;
	return true;
}

static bool keeps_mask(pid_t (*how)(void))
{
	sigset_t mask, saved;
	bool good;
	pid_t pid;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGPIPE);
	sigaddset(&mask, SIGRTMAX);
	sigprocmask(SIG_SETMASK, &mask, &saved);
	pid = how();
	if (pid == 0)
		_exit(same_mask(&mask) ? CHILD_DONE : 1);
	good = same_mask(&mask) && exit_status(pid) == CHILD_DONE;
	sigprocmask(SIG_SETMASK, &saved, NULL);
	return good;
}

static void test_side_effects(void)
{
	test("errno is kept by fork(), in parent and child", keeps_errno(fork));
	test("a failing fork() gives the kernel's error", fails_with(fork, EUCLEAN));
	test("errno is kept by _Fork()", keeps_errno(_Fork));
	test("a failing _Fork() gives the kernel's error", fails_with(_Fork, EUCLEAN));
	test("the signal mask is kept by _Fork()", keeps_mask(_Fork));
	test("a failing forkpty() gives the kernel's error",
		fails_with(pty_fork, EUCLEAN));
	test("RLIMIT_NPROC makes fork() fail with EAGAIN", fails_for_want_of_processes());
	test("the signal mask is kept by fork(), in parent and child", keeps_mask(fork));
	test("the signal mask is kept by forkpty()", keeps_mask(pty_fork));
}

static char trace[32];
static unsigned traced;

static void note_handler(char c)
{
	if (traced < sizeof(trace) - 1)
		trace[traced++] = c;
}

#define HANDLER(name, c)         \
	static void name(void)   \
	{                        \
		note_handler(c); \
	}
HANDLER(prepare_1, 'a')
HANDLER(parent_1, 'b')
HANDLER(child_1, 'c')
HANDLER(prepare_2, 'd')
HANDLER(parent_2, 'e')
HANDLER(child_2, 'f')

static bool trace_is(const char *expected)
{
	bool same = traced == strlen(expected) && !memcmp(trace, expected, traced);

	traced = 0;
	return same;
}

static bool handlers_run(pid_t (*how)(void), const char *in_parent, const char *in_child)
{
	pid_t pid;

	traced = 0;
	pid = how();
	if (pid == 0)
		_exit(trace_is(in_child) ? CHILD_DONE : 1);
	return trace_is(in_parent) && exit_status(pid) == CHILD_DONE;
}

/*
 * Handlers may use what is shared, and what they did before the fork is there after it.
 */
static void prepare_count(void)
{
	atomic_fetch_add(&count, 1);
}

static bool handlers_share(void)
{
	reset();
	return exit_status(fork() ?: (_exit(count == 1 ? CHILD_DONE : 1), 0)) ==
		       CHILD_DONE &&
	       count == 1;
}

/* From here on every fork of this process runs them: called last. */
static void test_handlers(void)
{
	pthread_atfork(prepare_1, parent_1, child_1);
	pthread_atfork(prepare_2, parent_2, child_2);
	test("pthread_atfork() handlers: prepare last in first out, the others in "
	     "order",
		handlers_run(fork, "dabe", "dacf"));
	test("likewise for forkpty()", handlers_run(pty_fork, "dabe", "dacf"));
	test("_Fork() runs none", handlers_run(_Fork, "", ""));
	test("a bare system call runs none", handlers_run(raw_clone, "", ""));
	pthread_atfork(prepare_count, NULL, NULL);
	test("what a prepare handler writes is shared", handlers_share());
}

int main(void)
{
	test_side_effects();
	test_handlers();
	return tap_done();
}
