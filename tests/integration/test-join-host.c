/* SPDX-License-Identifier: MIT */
/*
 * Description: fork and join in a program that has children, handlers and limits of its own
 *
 * The statuses of workers are taken by a SIGCHLD handler, by a thread, by the kernel; the
 * kernel is an old one; processes, descriptors, memory run out; the caller is interrupted,
 * and killed. The test is linked with --wrap=fork, so that forks can be counted and fail.
 */
#include <pthread.h>
#include <sys/utsname.h>

#include "filter.h"
#include "joining.h"

/* ---- fork() fails ---- */

static unsigned long failing; /* bit i: the fork number i from now on */
static int forks;

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
	unsigned number = (unsigned)forks++;

	if (number < 64 && failing >> number & 1) {
		errno = number % 2 ? ENOMEM : EAGAIN;
		return -1;
	}
	return __real_fork();
}

static void fail_forks(unsigned long which)
{
	failing = which;
	forks = 0;
}

static int play_no_fork(void)
{
	int orders[] = { 0, 0, 3, -SIGKILL, 0, 0 };

	fail_forks(1 << 0 | 1 << 1 | 1 << 4);
	must(fondue_fork_join(6, work_obey, orders, results) == ECHILD);
	must(is_error(&results[0], EAGAIN) && is_error(&results[1], ENOMEM));
	must(is_returned(&results[2], 3) && is_killed_by(&results[3], SIGKILL));
	must(is_error(&results[4], EAGAIN) && is_returned(&results[5], 0));
	must(forks == 6 && scene->calls == 3 && is_childless());
	fail_forks(-1ul);
	must(fondue_fork_join(3, work_note, NULL, results) == ECHILD);
	for (int i = 0; i < 3; i++)
		must(is_error(&results[i], i % 2 ? ENOMEM : EAGAIN));
	return CHILD_GOOD;
}

/* The limit itself, which does not bind root: so as somebody who has no other process. */
static int work_wait(unsigned i, void *arg)
{
	work_note(i, arg);
	await(scene->flag);
	return 0;
}

static int work_until_refused(unsigned i, void *arg)
{
	(void)arg;
	work_note(i, arg);
	await(scene->calls == 3);
	return 0;
}

static bool become_nobody_else(void)
{
	return setuid((1u << 24) + (unsigned)getpid()) == 0;
}

static int play_may_become(void)
{
	return become_nobody_else() ? CHILD_GOOD : 1;
}

static int play_process_limit(void)
{
	struct rlimit limit = { 4, 4 };

	must(setrlimit(RLIMIT_NPROC, &limit) == 0 && become_nobody_else());
	must(fondue_fork_join(5, work_until_refused, NULL, results) == ECHILD);
	must(all_returned(0, 3, 0));
	must(is_error(&results[3], EAGAIN) && is_error(&results[4], EAGAIN));
	return CHILD_GOOD;
}

static int play_descriptor_limit(void)
{
	struct rlimit limit = { 10, 10 };
	int orders[24] = { [3] = 5, [11] = -SIGKILL, [20] = 7, [22] = -SIGTERM };

	must(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	must(fondue_fork_join(24, work_obey, orders, results) == ECHILD);
	for (int i = 0; i < 24; i++)
		must(orders[i] < 0 ? is_killed_by(&results[i], -orders[i]) :
				     is_returned(&results[i], orders[i]));
	must(is_childless());
	return CHILD_GOOD;
}

static int play_memory_limit(void)
{
	struct rlimit limit = { 1, 1 };

	must(setrlimit(RLIMIT_AS, &limit) == 0);
	must(fondue_fork_join(3, work_note, NULL, results) == ENOMEM);
	for (int i = 0; i < 3; i++)
		must(is_error(&results[i], ENOMEM));
	must(scene->calls == 0 && is_childless());
	return CHILD_GOOD;
}

/* ---- the program takes the status ---- */

/* From 6.15 on the kernel tells of a death whoever has been told before. */
static bool kernel_recalls(void)
{
	struct utsname name;
	int major, minor;

	return uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 15));
}

static bool is_death_known(const struct fondue_result *result, int signal)
{
	return is_killed_by(result, signal) || (!kernel_recalls() && is_error(result, ECHILD));
}

/* 60 workers, of which every third dies, each in another way. */
static bool joins_well(void)
{
	int orders[60];

	for (int i = 0; i < 60; i++)
		orders[i] = i % 3 == 0 ? -SIGKILL : i % 3 == 1 ? i : -SIGSEGV;
	errno = 1234;
	if (fondue_fork_join(60, work_obey, orders, results) != ECHILD || errno != 1234)
		return false;
	for (int i = 0; i < 60; i++)
		if (!(orders[i] < 0 ? is_death_known(&results[i], -orders[i]) :
				      is_returned(&results[i], i)))
			return false;
	return true;
}

static void reap_all(int signal)
{
	int saved = errno;

	(void)signal;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		atomic_fetch_add(&scene->taken, 1);
	errno = saved;
}

static void count_signal(int signal)
{
	(void)signal;
	atomic_fetch_add(&scene->signals, 1);
}

static bool on_sigchld(void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	return sigaction(SIGCHLD, &action, NULL) == 0;
}

static int play_handler(void)
{
	must(on_sigchld(reap_all, 0) && joins_well());
	must(on_sigchld(reap_all, SA_RESTART) && joins_well());
	must(scene->taken > 0 && is_childless());
	return CHILD_GOOD;
}

static int play_handler_counts(void)
{
	must(on_sigchld(count_signal, 0) && joins_well());
	must(scene->signals > 0); /* the program's handler is still there */
	must(is_childless());
	return CHILD_GOOD;
}

static int play_ignored(void)
{
	must(on_sigchld(SIG_IGN, 0) && joins_well());
	must(on_sigchld(SIG_DFL, SA_NOCLDWAIT) && joins_well());
	must(on_sigchld(count_signal, SA_NOCLDWAIT) && joins_well());
	return CHILD_GOOD;
}

static void *reap_for_ever(void *stop)
{
	while (!atomic_load((atomic_int *)stop))
		if (waitpid(-1, NULL, 0) > 0)
			atomic_fetch_add(&scene->taken, 1);
	return NULL;
}

static int play_thread(void)
{
	pthread_t reaper;
	bool good = true;

	must(pthread_create(&reaper, NULL, reap_for_ever, (void *)&scene->flag) == 0);
	for (int i = 0; i < 10; i++)
		good = joins_well() && good;
	scene->flag = 1;
	must(pthread_join(reaper, NULL) == 0 && good);
	must(scene->taken > 0);
	return CHILD_GOOD;
}

/* ---- older kernels ---- */

#define P_PIDFD_ 3

static const struct rule no_pidfd[] = { { SYS_pidfd_open, ENOSYS, 0, 0, 0 }, { 0 } };
static const struct rule no_wait[] = {
	{ SYS_waitid, EINVAL, 0, 0xffffffff, P_PIDFD_ },
	{ 0 },
};
static const struct rule no_recall[] = {
	{ SYS_ioctl, ENOTTY, 1, 0xffffffff, 0xc040ff0b },
	{ 0 },
};

/* There workers are waited for by number: and nobody else, still. */
static int joins_beside(const struct rule *rules)
{
	pid_t other = fork();

	if (other == 0)
		_exit(11);
	must(waitid(P_PID, other, &(siginfo_t){ 0 }, WEXITED | WNOWAIT) == 0);
	must(filter_install(rules) && joins_well());
	must(unit_wait(other) == 11 && is_childless());
	return CHILD_GOOD;
}

static int play_linux_5_2(void)
{
	return joins_beside(no_pidfd);
}

static int play_linux_5_3(void)
{
	return joins_beside(no_wait);
}

/* What work() returns is known, and a death is known to be one; not which. */
static bool joins_in_doubt(void)
{
	int orders[] = { 0, 5, -SIGKILL, 0, -SIGTERM };

	if (fondue_fork_join(5, work_obey, orders, results) != ECHILD)
		return false;
	return is_returned(&results[0], 0) && is_returned(&results[1], 5) &&
	       is_error(&results[2], ECHILD) && is_returned(&results[3], 0) &&
	       is_error(&results[4], ECHILD) && results[2].pid > 0;
}

static int play_linux_6_14(void)
{
	must(filter_install(no_recall) && on_sigchld(SIG_IGN, 0) && joins_in_doubt());
	must(on_sigchld(SIG_DFL, SA_NOCLDWAIT) && joins_in_doubt());
	must(filter_install(no_pidfd) && joins_in_doubt());
	return CHILD_GOOD;
}

/* ---- signals ---- */

static int work_signal(unsigned i, void *arg)
{
	for (int n = 1; n <= 50; n++) {
		if (kill(getppid(), SIGUSR1) < 0)
			return 1;
		await(atomic_load(&scene->signals) >= n);
	}
	return work_note(i, arg);
}

static int play_signals(void)
{
	struct sigaction action = { .sa_handler = count_signal };

	must(sigaction(SIGUSR1, &action, NULL) == 0);
	must(fondue_fork_join(1, work_signal, NULL, results) == 0);
	must(is_returned(&results[0], 0) && scene->signals == 50);
	return CHILD_GOOD;
}

/* Worker 0 stops; worker 1 sees it stopped, and lets it go on. */
static int work_stop(unsigned i, void *arg)
{
	char path[64], line[512];

	if (i == 0) {
		scene->pid[0] = getpid();
		raise(SIGSTOP);
		return work_note(i, arg);
	}
	await(scene->pid[0]);
	snprintf(path, sizeof(path), "/proc/%d/stat", scene->pid[0]);
	for (char state = 0; state != 'T';) {
		FILE *stat = fopen(path, "r");

		if (!stat || !fgets(line, sizeof(line), stat))
			return 1;
		fclose(stat);
		state = strrchr(line, ')')[2];
	}
	return kill(scene->pid[0], SIGCONT);
}

static int play_stop(void)
{
	must(on_sigchld(count_signal, 0));
	must(fondue_fork_join(2, work_stop, NULL, results) == 0);
	must(all_returned(0, 2, 0) && scene->calls == 1);
	return CHILD_GOOD;
}

/* ---- the caller is killed ---- */

static int work_for_long(unsigned i, void *arg)
{
	scene->pid[i] = getpid();
	work_wait(i, arg);
	return 21;
}

static pid_t start_caller(unsigned flags)
{
	struct fondue_fork_join_options options = { .workers = 2, .flags = flags };
	pid_t pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = fork();
	if (pid == 0) {
		fondue_fork_join_pieces(2, &options, work_for_long, NULL, NULL);
		_exit(1);
	}
	await(scene->calls == 2);
	return kill(pid, SIGKILL) == 0 && unit_wait(pid) == 1000 + SIGKILL ? pid : -1;
}

static int play_killed(void)
{
	must(start_caller(FONDUE_JOIN_DIE_WITH_PARENT) > 0);
	for (int i = 0; i < 2; i++)
		must(unit_wait(scene->pid[i]) == 1000 + SIGKILL);
	must(is_childless());
	return CHILD_GOOD;
}

static int play_killed_alone(void)
{
	must(start_caller(0) > 0);
	scene->flag = 1;
	/* the last piece: then there are no more tickets */
	for (int i = 0; i < 2; i++)
		must(unit_wait(scene->pid[i]) == 0);
	must(is_childless());
	return CHILD_GOOD;
}

int main(void)
{
	scene_open();
	test("a piece that cannot be forked says why, and the others run", plays(play_no_fork));
	if (unit_plays(play_may_become))
		test("so it is at RLIMIT_NPROC", plays(play_process_limit));
	test("more workers than descriptors", plays(play_descriptor_limit));
	test("without memory nothing is run, and each result says so",
		plays(play_memory_limit));
	test("a SIGCHLD handler that reaps everything", plays(play_handler));
	test("one that only counts is called", plays(play_handler_counts));
	test("SIGCHLD is ignored, or SA_NOCLDWAIT set", plays(play_ignored));
	test("a thread that reaps everything", plays(play_thread));
	test("a kernel without pidfd", plays(play_linux_5_2));
	test("one that does not wait for them", plays(play_linux_5_3));
	test("one that does not recall a status: a death is ECHILD, and no result is lost",
		plays(play_linux_6_14));
	test("signals interrupt the caller, who goes on waiting", plays(play_signals));
	test("a worker that is stopped has not ended", plays(play_stop));
	test("workers are killed with the caller, if asked for", plays(play_killed));
	test("and go on if not", plays(play_killed_alone));
	return tap_done();
}
