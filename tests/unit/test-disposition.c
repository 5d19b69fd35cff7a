/* SPDX-License-Identifier: MIT */
/*
 * Description: what would become of a signal to another thread
 */
#include <grp.h>
#include <pthread.h>
#include <stdlib.h>

#include "../integration/filter.h"
#include "disposition.h"
#include "kernel.h"
#include "unit.h"

static int ends[2];

static void on_signal(int number)
{
	(void)number;
}

static pid_t start(void (*prepare)(void))
{
	pid_t pid;
	char byte;

	if (pipe(ends) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		prepare();
		if (write(ends[1], "x", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	return read(ends[0], &byte, 1) == 1 ? pid : -1;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	unit_wait(pid);
}

static void set_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMAX);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGHUP, on_signal);
}

static bool is_as_set(const struct disposition *d, pid_t pid)
{
	return d->pid == pid && disposition_has(d->blocked, SIGUSR1) &&
	       disposition_has(d->blocked, SIGRTMAX) && !disposition_has(d->blocked, SIGUSR2) &&
	       disposition_has(d->ignored, SIGUSR2) && !disposition_has(d->ignored, SIGUSR1) &&
	       disposition_has(d->caught, SIGHUP) && !disposition_has(d->caught, SIGUSR2);
}

static int play_signals(void)
{
	pid_t pid = start(set_signals);
	struct disposition d;

	must(pid > 0 && disposition_read(pid, pid, &d) == 0);
	must(is_as_set(&d, pid) && !d.is_filtered);
	end(pid);
	return CHILD_GOOD;
}

/* A user of very many groups: the line of them is longer than any buffer. */
#define GROUPS 65536 /* what the kernel allows */

static void join_groups(void)
{
	gid_t *groups = calloc(GROUPS, sizeof(*groups));

	for (unsigned i = 0; i < GROUPS; i++)
		groups[i] = 1000000 + i;
	if (setgroups(GROUPS, groups) != 0)
		_exit(1);
	set_signals();
}

static int play_groups(void)
{
	pid_t pid = start(join_groups);
	struct disposition d;

	must(pid > 0 && disposition_read(pid, pid, &d) == 0);
	must(is_as_set(&d, pid));
	end(pid);
	return CHILD_GOOD;
}

static void nothing(void)
{
}

static int play_stopped(void)
{
	pid_t pid = start(nothing);
	struct disposition d;
	int status;

	must(pid > 0 && kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid);
	must(disposition_read(pid, pid, &d) == 0 && d.state == 'T');
	end(pid);
	must(disposition_read(pid, pid, &d) == -ESRCH && d.state == 'T');
	return CHILD_GOOD;
}

static void enter_sandbox(void)
{
	struct rule rules[] = { { SYS_mremap, ENOSYS, 0, 0, 0 }, { 0 } };

	if (!filter_install(rules))
		_exit(1);
}

static int play_sandbox(void)
{
	pid_t pid = start(enter_sandbox);
	struct disposition d;

	must(pid > 0 && disposition_read(pid, pid, &d) == 0 && d.is_filtered);
	end(pid);
	return CHILD_GOOD;
}

static pid_t other_tid;
static int barrier[2];

static void *other_main(void *arg)
{
	sigset_t all;
	char byte;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	other_tid = syscall(SYS_gettid);
	if (write(ends[1], "x", 1) != 1 || read(barrier[0], &byte, 1) != 1)
		return NULL;
	return arg;
}

/* Each thread has a mask of its own; the process is the same. */
static int play_thread(void)
{
	struct disposition mine, its;
	pthread_t thread;
	char byte;

	must(pipe(ends) == 0 && pipe(barrier) == 0);
	must(pthread_create(&thread, NULL, other_main, NULL) == 0 && read(ends[0], &byte, 1) == 1);
	must(disposition_read(getpid(), getpid(), &mine) == 0);
	must(disposition_read(getpid(), other_tid, &its) == 0);
	must(!disposition_has(mine.blocked, SIGURG) && disposition_has(its.blocked, SIGURG));
	must(mine.pid == getpid() && its.pid == getpid());
	must(write(barrier[1], "x", 1) == 1 && pthread_join(thread, NULL) == 0);
	return CHILD_GOOD;
}

static int play_refused(void)
{
	int descriptor = next_descriptor();
	struct disposition d = { .pid = 4711 };

	errno = EDOM;
	kernel_refuse(SYS_read, EIO);
	must(disposition_read(getpid(), getpid(), &d) == -EIO);
	kernel_reset();
	kernel_refuse(SYS_openat, EACCES);
	must(disposition_read(getpid(), getpid(), &d) == -EACCES);
	must(d.pid == 4711 && errno == EDOM && next_descriptor() == descriptor);
	return CHILD_GOOD;
}

int main(void)
{
	test_play_natively("what is blocked, ignored, caught", play_signals);
	if (geteuid() == 0)
		test_play_natively("of a user of 65536 groups", play_groups);
	else
		skip("of a user of 65536 groups", "it takes root");
	test_play_natively("stopped, and gone", play_stopped);
	test_play_natively("in a sandbox", play_sandbox);
	test_play_natively("each thread has its mask", play_thread);
	test_play_natively("refused: an error, and nothing is left open", play_refused);
	return tap_done();
}
