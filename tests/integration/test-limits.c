/* SPDX-License-Identifier: MIT */
/*
 * Description: limits, namespaces, and tables that are larger than what is used of them
 *
 * Anonymous shared memory has no file system, so /dev/shm may be tiny, and no file size,
 * so ulimit -f does not touch it; it counts as address space, so ulimit -v may refuse it,
 * and then the program runs on with private variables and one message. Without /proc the
 * runtime knows less, and does the same. Pages that nobody has touched cost nothing.
 */
#include <sched.h>
#include <sys/mount.h>

#include <fondue/shared.h>

#include "load.h"
#include "plugins/sparse.h"

#define MIB  (1UL << 20)
#define SIZE (64 * MIB)
#define PAGE 4096

FONDUE_SHARED_ZERO static volatile unsigned char table[SIZE];
FONDUE_SHARED static volatile int word = 1;

static unsigned char pattern(unsigned long at)
{
	return at / PAGE * 31 + at;
}

/* A child fills all of it, first and last byte of each page; how much has arrived? */
static int play_fill(void)
{
	unsigned long arrived = 0;
	pid_t pid = fork();

	if (pid == 0) {
		for (unsigned long at = 0; at < SIZE; at += PAGE) {
			table[at] = pattern(at);
			table[at + PAGE - 1] = pattern(at + PAGE - 1);
		}
		_exit(CHILD_DONE);
	}
	if (exit_status(pid) != CHILD_DONE)
		return 1;
	for (unsigned long at = 0; at < SIZE; at += PAGE)
		arrived += table[at] == pattern(at) &&
			   table[at + PAGE - 1] == pattern(at + PAGE - 1);
	/* the pattern of some pages is what they were */
	printf("%s, %s\n",
		arrived == SIZE / PAGE	     ? "all"
		: arrived < SIZE / PAGE / 64 ? "none"
					     : "some",
		sharing_of(&word));
	return 0;
}

/* Prints what was lost of a sparse table by sharing it, and how much memory it took. */
static int play_sparse(void)
{
	int (*lost)(void), (*touched)(void);
	long before = shared_kib(), after;
	struct plugin plugin = plugin_open("sparse.so");
	void (*touch)(void);
	pid_t pid;

	after = shared_kib();
	*(void **)&lost = plugin_function(plugin.handle, "sparse_lost");
	*(void **)&touch = plugin_function(plugin.handle, "sparse_touch");
	*(void **)&touched = plugin_function(plugin.handle, "sparse_touched");
	printf("%d lost, ", lost());
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		touch();
		_exit(lost() == 0 ? CHILD_DONE : 1);
	}
	if (exit_status(pid) != CHILD_DONE)
		return 1;
	printf("%s, %s\n", touched() ? "shared" : "private",
		after - before < (long)(SPARSE_PAGES * 4 + 1024) ? "small" : "large");
	return 0;
}

static const struct scenario scenarios[] = {
	{"fill", play_fill},
	{"sparse", play_sparse},
	{NULL, NULL},
};

static const char shared_all[] = "all, shared\n";
static const char shared_none[] = "none, private\n";

static struct run r;

static void skip(const char *claim, const char *why)
{
	printf("ok %u - %s # SKIP %s\n", ++tap_count, claim, why);
}

/* Limits */

struct limit {
	int resource;
	unsigned long value;
};

static void set_limit(const void *arg)
{
	const struct limit *limit = arg;
	struct rlimit both = {limit->value, limit->value};

	if (setrlimit(limit->resource, &both) < 0)
		_exit(124);
}

static const char *run_limited(int resource, unsigned long value, bool plain)
{
	struct limit limit = {resource, value};

	r = (struct run){.args = {run_self(), "fill"},
		.prepare = set_limit,
		.arg = &limit,
		.plain = plain};
	run(&r);
	return run_succeeded(&r) ? r.out : "failed";
}

static bool is_quiet(void)
{
	return !*r.err;
}

static void test_limits(void)
{
	test("ulimit -v leaves no room: private, said once",
		run_explain(&r,
			!strcmp(run_limited(RLIMIT_AS, 100 * MIB, false), shared_none) &&
				run_said(&r) == 1 && run_lines(r.err, "") == 1));
	test("the line tells of ulimit -v", strstr(r.err, "ulimit -v") != NULL);
	test("ulimit -v leaves room: shared, nothing said",
		!strcmp(run_limited(RLIMIT_AS, 512 * MIB, false), shared_all) &&
			is_quiet());
	test("ulimit -f 0 does not matter: shared, nothing said",
		!strcmp(run_limited(RLIMIT_FSIZE, 0, false), shared_all) && is_quiet());
	test("ulimit -l 0 does not matter: shared, nothing said",
		!strcmp(run_limited(RLIMIT_MEMLOCK, 0, false), shared_all) && is_quiet());
	test("ulimit -n 4 does not matter: shared, nothing said",
		!strcmp(run_limited(RLIMIT_NOFILE, 4, false), shared_all) && is_quiet());
	test("ulimit -s 64 does not matter: shared, nothing said",
		!strcmp(run_limited(RLIMIT_STACK, 65536, false), shared_all) &&
			is_quiet());
}

/*
 * Under every limit under which the program runs by itself it runs with the preload, and
 * its variables are shared, or private and that is said.
 */
static void test_every_limit(void)
{
	unsigned shared = 0, private = 0, runs = 0;
	bool good = true;

	for (unsigned long limit = 66 * MIB; good && limit < 160 * MIB;
		limit += 3 * MIB) {
		if (strcmp(run_limited(RLIMIT_AS, limit, true), shared_none) != 0)
			continue;
		runs++;
		if (!strcmp(run_limited(RLIMIT_AS, limit, false), shared_all) &&
			is_quiet())
			shared++;
		else if (!strcmp(r.out, shared_none) && run_succeeded(&r) &&
			 (run_said(&r) == 1 || strstr(r.err, "cannot be preloaded")))
		private++;
		else good = run_explain(&r, false);
	}
	tap_note("%u limits: shared under %u, private under %u", runs, shared, private);
	test("under every ulimit -v that the program bears: shared, or private and "
	     "said",
		good);
	test("both happen", shared > 0 && private > 0);
}

/* Namespaces */

static bool hide_under_tmpfs(const char *path, const char *options)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", path, "tmpfs", 0, options) == 0;
}

static void small_shm(const void *unused)
{
	(void)unused;
	if (!hide_under_tmpfs("/dev/shm", "size=1m"))
		_exit(124);
}

static void no_proc(const void *unused)
{
	(void)unused;
	if (!hide_under_tmpfs("/proc", "size=4k"))
		_exit(124);
}

static bool was_not_permitted(void)
{
	return WIFEXITED(r.status) && WEXITSTATUS(r.status) == 124;
}

static void test_hidden(const char *claim, void (*hide)(const void *),
	const char *program, const char *scenario, const char *expected)
{
	r = (struct run){.args = {program, scenario}, .prepare = hide};
	run(&r);
	if (was_not_permitted())
		skip(claim, "no mount namespaces for us");
	else
		test(claim,
			run_explain(&r, run_succeeded(&r) && !strcmp(r.out, expected) &&
						is_quiet()));
}

static void test_namespaces(void)
{
	test_hidden("64 MiB are shared where /dev/shm has 1 MiB", small_shm, run_self(),
		"fill", shared_all);
	test_hidden("64 MiB are shared without /proc", no_proc, run_self(), "fill",
		shared_all);
	test_hidden("a sparse table of a plugin is whole and shared without /proc",
		no_proc, run_self(), "sparse", "0 lost, shared, small\n");
	test_hidden("1 GiB is shared without /proc", no_proc, run_beside("gigabyte"),
		NULL, "-1 KiB at start; shared\n");
}

/* Large and empty */

static void test_gigabyte(void)
{
	long plain_kib, start_kib = -1, time_ms;
	char result[32] = "";

	r = (struct run){.args = {run_beside("gigabyte")}, .plain = true};
	run(&r);
	plain_kib = r.peak_kib;
	test("1 GiB of FONDUE_SHARED_ZERO is private without the preload",
		run_explain(&r, run_succeeded(&r) && strstr(r.out, "private")));
	r = (struct run){.args = {run_beside("gigabyte")}};
	time_ms = run_now_ms_();
	run(&r);
	time_ms = run_now_ms_() - time_ms;
	sscanf(r.out, "%ld KiB at start; %31s", &start_kib, result);
	test("1 GiB of it is shared, sparse bytes and their neighbours right",
		run_explain(&r, run_succeeded(&r) && !strcmp(result, "shared")));
	test("it takes less than 1 MiB of memory at start",
		start_kib >= 0 && start_kib < 1024);
	tap_note("largest resident set: %ld KiB, without the preload %ld KiB; %ld ms",
		r.peak_kib, plain_kib, time_ms);
	test("and hardly more later than without the preload",
		r.peak_kib < plain_kib + 1024 + 2 * 64 * 4);
}

static void test_sparse(void)
{
	r = (struct run){.args = {run_self(), "sparse"}};
	run(&r);
	test("the touched pages of a plugin's large table arrive, and only those take "
	     "memory",
		run_explain(&r,
			run_succeeded(&r) && !strcmp(r.out, "0 lost, shared, small\n")));
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_limits();
	test_every_limit();
	test_namespaces();
	test_gigabyte();
	test_sparse();
	return tap_done();
}
