/* SPDX-License-Identifier: MIT */
/*
 * Description: a report in a sandbox, and into logs that do not take it
 *
 * FONDUE_HOLD_MS=20. Filters are put on who waits when the owner has its lock: what is refused
 * then is missing in the report, which comes all the same, and claims nothing that it does
 * not know.
 */
#include <sys/mman.h>
#include <sys/prctl.h>

#include "filter.h"
#include "held.h"

FONDUE_SHARED static struct board annotated;

static const struct rule *rules;

static bool wait_in_vain(long long ms)
{
	struct timespec deadline = time_at(now() + ms * MS);

	return fondue_spin_timedlock(&board->lock, &deadline) == ETIMEDOUT;
}

static int play_refused(void)
{
	pid_t owner = start_ready(work_hold);

	must(owner > 0 && filter_install(rules));
	must(wait_until_said(&board->lock, " held "));
	errno = 4711;
	must(wait_in_vain(2 * LIMIT_MS) && errno == 4711);
	must(report(0) >= LIMIT_MS && (is_said("annotated") || is_said("at 0x")));
	must(names(owner) && !is_said("gone") && !is_said("dead"));
	must(is_killed(owner));
	must(fondue_spin_lock(&board->lock) == EOWNERDEAD);
	must(fondue_spin_unlock(&board->lock) == 0);
	must(is_said("died holding it"));
	return CHILD_GOOD;
}

#define ALL(call, error) { { SYS_##call, error, 0, 0, 0 }, { 0, 0, 0, 0, 0 } }

static const struct sandbox {
	const char *name;
	struct rule rules[2];
	const char *said; /* of it */
} sandboxes[] = {
	{ "process_vm_readv refused with EPERM", ALL(process_vm_readv, EPERM), "may not look" },
	{ "process_vm_readv refused with ENOSYS", ALL(process_vm_readv, ENOSYS),
		"this kernel or a sandbox" },
	{ "openat refused with EPERM", ALL(openat, EPERM), "may not look" },
	{ "openat refused with ENOSYS", ALL(openat, ENOSYS), "this kernel or a sandbox" },
	{ "openat refused with EMFILE", ALL(openat, EMFILE), "cannot be read" },
	{ "readlinkat refused", ALL(readlinkat, EPERM), "" },
	{ "newfstatat refused", ALL(newfstatat, EPERM), "" },
	{ "pread64 refused", ALL(pread64, EPERM), "" },
	{ "mmap refused with ENOMEM", ALL(mmap, ENOMEM), "no memory" },
	{ "mmap refused with EPERM", ALL(mmap, EPERM), "no memory" },
	{ "munmap refused", ALL(munmap, EPERM), "" },
	{ "getpid refused", ALL(getpid, EPERM), "" },
	{ "fstat refused", ALL(fstat, EPERM), "" },
};

/* Under RLIMIT_NOFILE of 3 there is no descriptor to be had. */
static int play_no_descriptor(void)
{
	const struct rlimit none = { 3, 3 };
	pid_t owner = start_ready(work_hold);

	for (int fd = 3; fd < 64; fd++)
		close(fd);
	must(owner > 0 && setrlimit(RLIMIT_NOFILE, &none) == 0);
	must(wait_until_said(&board->lock, " held ") && names(owner));
	must(!is_said("gone") && is_said("its stack is not to be had: it cannot be read"));
	must(is_killed(owner));
	return CHILD_GOOD;
}

/* No page more, as in a program that has used up what it may have. */
static int play_no_memory(void)
{
	const struct rlimit none = { 1 << 20, 1 << 20 };
	pid_t owner = start_ready(work_hold);

	must(owner > 0 && setrlimit(RLIMIT_AS, &none) == 0);
	must(wait_until_said(&board->lock, " held ") && names(owner) && is_said("no memory"));
	must(is_killed(owner));
	return CHILD_GOOD;
}

/* Of another user's process the kernel tells little, and nothing may be read of it. */
static int work_wait_as_nobody(void)
{
	alarm(20);
	must(setgid(65534) == 0 && setuid(65534) == 0);
	must(wait_until_said(&board->lock, " held "));
	return CHILD_GOOD;
}

static int play_other_user(void)
{
	pid_t owner = start_ready(work_hold);

	must(owner > 0 && unit_wait(start(work_wait_as_nobody)) == CHILD_GOOD);
	must(names(owner) && is_said("this process may not look at it") && !is_said("gone"));
	must(!is_said("FONDUE_SIGNAL"));
	/* its own stack, and where: as ever */
	must(is_said("wait_until_said"));
	must(is_killed(owner));
	return CHILD_GOOD;
}

/* Where there is no /proc nothing is known, which is not to be called another namespace. */
static int work_wait_in_root(void)
{
	alarm(20);
	must(chroot("/dev/shm") == 0 && chdir("/") == 0);
	must(wait_until_said(&board->lock, " held "));
	return CHILD_GOOD;
}

static int play_chroot(void)
{
	pid_t owner = start_ready(work_hold);

	must(owner > 0 && unit_wait(start(work_wait_in_root)) == CHILD_GOOD);
	must(names(owner) && is_said("/proc is not there"));
	must(!is_said("it is in another") && !is_said("gone"));
	must(is_killed(owner) && fondue_spin_lock(&board->lock) == EOWNERDEAD);
	return CHILD_GOOD;
}

/* Nor of one that does not want to be looked at. */
static int work_hold_unseen(void)
{
	alarm(20);
	must(setgid(65534) == 0 && setuid(65534) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0);
	return work_hold();
}

static int play_unseen(void)
{
	pid_t owner = start_ready(work_hold_unseen);

	must(owner > 0 && unit_wait(start(work_wait_as_nobody)) == CHILD_GOOD);
	/* it may tell itself where it is, when it is asked */
	must(is_said("this process may not look at it") ||
		(is_said("told by itself") && is_said("may not see what is mapped")));
	must(names(owner) && !is_said("gone"));
	must(is_killed(owner) && fondue_spin_lock(&board->lock) == EOWNERDEAD);
	return CHILD_GOOD;
}

/* Logs: whatever becomes of the report, the wait ends when it should, and errno stays. */
static int play_log(void)
{
	pid_t owner;
	long long since;

	if (getenv("CLOSE"))
		close(STDERR_FILENO);
	owner = start_ready(work_hold);
	must(owner > 0);
	errno = 4711;
	since = now();
	must(wait_in_vain(8 * LIMIT_MS) && errno == 4711);
	/* a reader that does not read is waited for, 100 ms each time */
	must(now() - since < 3000 * MS);
	must(is_killed(owner) && fondue_spin_lock(&board->lock) == EOWNERDEAD);
	must(fondue_spin_unlock(&board->lock) == 0);
	return CHILD_GOOD;
}

/* In the place of standard error, before the program starts. */
static int full[2];

static void use_full_pipe(const void *arg)
{
	(void)arg;
	dup2(full[1], STDERR_FILENO);
}

static void use_gone_reader(const void *arg)
{
	int ends[2];

	(void)arg;
	if (pipe(ends) == 0)
		dup2(ends[1], STDERR_FILENO);
	close(ends[0]);
	close(ends[1]);
}

static void use_none(const void *arg)
{
	(void)arg;
	close(STDERR_FILENO);
}

static bool with_log(const char *variable, void (*prepare)(const void *))
{
	static struct run again;

	again = (struct run){ .args = { run_self(), "log" }, .env = { variable },
		.prepare = prepare };
	run(&again);
	return run_explain(&again, !again.timed_out && WIFEXITED(again.status) &&
					   WEXITSTATUS(again.status) == CHILD_GOOD);
}

static void test_logs(void)
{
	static char zeros[4096];

	if (pipe(full) != 0 || fcntl(full[1], F_SETFL, O_NONBLOCK) != 0)
		tap_bail_out("no pipe");
	while (write(full[1], zeros, sizeof(zeros)) > 0)
		;
	(void)fcntl(full[1], F_SETFL, 0);
	test("a log on a full disk", with_log("FONDUE_LOG=/dev/full", NULL));
	test("a log that is a directory", with_log("FONDUE_LOG=/", NULL));
	test("a pipe that nobody reads", with_log("A=1", use_full_pipe));
	test("a pipe whose reader is gone", with_log("A=1", use_gone_reader));
	test("standard error closed at the start", with_log("A=1", use_none));
	test("... and later", with_log("CLOSE=1", NULL));
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = { { "log", play_log }, { NULL, NULL } };

	if (argc > 1) {
		board = &annotated;
		return run_scenario(scenarios, argv[1]);
	}
	if (!held_begin())
		tap_skip_all("to be preloaded");
	for (unsigned i = 0; i < sizeof(sandboxes) / sizeof(*sandboxes); i++) {
		char claim[128];

		rules = sandboxes[i].rules;
		snprintf(claim, sizeof(claim), "%s: a report all the same", sandboxes[i].name);
		test_hold(&annotated, claim, play_refused);
		test("... which says why it is short, if it is", is_said(sandboxes[i].said));
	}
	test_hold(&annotated, "no descriptor is to be had: the same", play_no_descriptor);
	test_hold(&annotated, "no memory is to be had: a line all the same", play_no_memory);
	if (getuid() == 0) {
		test_hold(&annotated, "another user's owner: what may be known of it, and why no more",
			play_other_user);
		test_hold(&annotated, "an owner that may not be dumped: the same", play_unseen);
		test_hold(&annotated, "a root without /proc: a report that says so", play_chroot);
	} else {
		skip("another user's owner", "only root can be another user");
	}
	test_logs();
	return tap_done();
}
