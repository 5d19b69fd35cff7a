/* SPDX-License-Identifier: MIT */
/*
 * children.c - processes that never outlive the benchmark
 *
 * Sixty-four processes that spin for a lock whose benchmark was interrupted would be a
 * nuisance. So every child dies with its parent (PR_SET_PDEATHSIG, for when that is killed
 * by SIGKILL), and is killed and waited for when the benchmark ends by exit() or by a
 * signal that can be caught. Signals are blocked wherever a child is not yet, or no more,
 * in the list.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "samples.h"

static const int endings[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };

#define ENDINGS (sizeof(endings) / sizeof(endings[0]))

static pid_t children[CHILDREN_MAX];
static volatile unsigned child_count;

static void block(sigset_t *ret_before)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, ret_before);
}

static void unblock(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}

/* Async-signal-safe. */
static void kill_all(void)
{
	for (unsigned i = 0; i < child_count; i++)
		kill(children[i], SIGKILL);
	for (unsigned i = 0; i < child_count; i++)
		while (waitpid(children[i], NULL, 0) < 0 && errno == EINTR)
			;
	child_count = 0;
}

void children_kill(void)
{
	sigset_t before;

	block(&before);
	kill_all();
	unblock(&before);
}

static void interrupted(int signal)
{
	kill_all();
	raise(signal); /* SA_RESETHAND: this time it ends us, when it is unblocked */
}

void children_watch(void)
{
	struct sigaction action = { .sa_handler = interrupted, .sa_flags = (int)SA_RESETHAND };

	sigfillset(&action.sa_mask);
	for (unsigned i = 0; i < ENDINGS; i++)
		sigaction(endings[i], &action, NULL);
	atexit(children_kill);
}

pid_t child_start(void)
{
	pid_t parent = getpid(), pid;
	sigset_t before;

	if (child_count == CHILDREN_MAX)
		bench_give_up("too many children");
	fflush(stdout);
	block(&before);
	pid = fork();
	if (pid > 0)
		children[child_count++] = pid;
	if (pid == 0) {
		for (unsigned i = 0; i < ENDINGS; i++)
			signal(endings[i], SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(EXIT_FAILURE); /* it died before we asked */
	}
	unblock(&before);
	if (pid < 0)
		bench_fail("fork");
	return pid;
}

static bool reap(pid_t pid, int options, int *ret_status)
{
	sigset_t before;
	pid_t got;

	if (!(options & WNOHANG)) { /* not with signals blocked: leave it a zombie */
		siginfo_t info;

		while (waitid(P_PID, pid, &info, WEXITED | WNOWAIT) != 0)
			if (errno != EINTR)
				bench_fail("waitid");
	}
	block(&before);
	got = waitpid(pid, ret_status, WNOHANG);
	for (unsigned i = 0; got == pid && i < child_count; i++)
		if (children[i] == pid)
			children[i] = children[--child_count];
	unblock(&before);
	if (got < 0)
		bench_fail("waitpid");
	return got == pid;
}

int child_wait(pid_t pid)
{
	int status = 0;

	reap(pid, 0, &status);
	return status;
}

bool child_wait_ms(pid_t pid, unsigned ms, int *ret_status)
{
	double end = now_us() + ms * 1e3;

	while (!reap(pid, WNOHANG, ret_status)) {
		if (now_us() > end)
			return false;
		usleep(200);
	}
	return true;
}
