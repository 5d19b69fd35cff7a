/* SPDX-License-Identifier: MIT */
/*
 * Description: the heap under limits, and in places where there is less of everything
 *
 * Its reservation is much larger than what is there, and must not show: not in a core dump, not
 * in the time of a fork, not as memory that is promised. Where so much is not to be had it is
 * smaller.
 */
#include <pthread.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "heaping.h"
#include "run.h"

/* How much a process allocates, reads back in another, and frees. */
static bool works(void)
{
	static char *blocks[2000];
	pid_t pid = fork();

	if (pid == 0) {
		for (unsigned i = 0; i < 2000; i++)
			if (!fondue_malloc(1 + i * 7 % 5000))
				_exit(1);
		_exit(CHILD_GOOD);
	}
	if (unit_wait(pid) != CHILD_GOOD)
		return false;
	for (unsigned i = 0; i < 2000; i++)
		if (!(blocks[i] = fondue_malloc(1 + i * 7 % 4000)))
			return false;
	for (unsigned i = 0; i < 2000; i++)
		fondue_free(blocks[i]);
	return fondue_heap_reclaim(0) == 2000 && is_whole() && figures().blocks == 0;
}

static int say_reserved(void)
{
	struct fondue_heap_figures stats = figures();
	bool good = stats.size && works();

	printf("%s %lu\n", good ? "works" : "does not work",
		(unsigned long)(stats.reserved / MIB));
	return 0;
}

/* Memory that the kernel has promised; of all, so others may change it, by less than this. */
static long committed_mib(void)
{
	char line[256];
	long kib = -1;
	FILE *file = fopen("/proc/meminfo", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Committed_AS: %ld", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib / 1024;
}

static uint64_t fork_ns(void)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 200; i++) {
		uint64_t from = clock_ns(), took;
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		took = clock_ns() - from;
		waitpid(pid, NULL, 0);
		best = took < best ? took : best;
	}
	return best;
}

/* To be compared with a heap of another size. */
static int play_fork(void)
{
	printf("%lu %ld\n", (unsigned long)fork_ns(), committed_mib());
	return 0;
}

static int play_abort(void)
{
	void *block = fondue_malloc(1000000);

	memset(block, 0x5a, 1000000);
	raise(SIGABRT);
	return 0;
}

static void limit_address_space(const void *arg)
{
	struct rlimit limit = { *(const long *)arg, *(const long *)arg };

	setrlimit(RLIMIT_AS, &limit);
}

static void limit_files(const void *arg)
{
	struct rlimit limit = { MIB, MIB };

	(void)arg;
	signal(SIGXFSZ, SIG_DFL);
	setrlimit(RLIMIT_FSIZE, &limit);
}

static void limit_shm(const void *arg)
{
	(void)arg;
	if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("shm", "/dev/shm", "tmpfs", 0, "size=1m"))
		_exit(TAP_SKIPPED);
}

static void allow_core(const void *arg)
{
	struct rlimit limit = { 1UL << 30, 1UL << 30 };

	setrlimit(RLIMIT_CORE, &limit);
	if (chdir(arg))
		_exit(TAP_SKIPPED);
}

static const struct scenario scenarios[] = {
	{ "reserved", say_reserved },
	{ "fork", play_fork },
	{ "abort", play_abort },
	{ NULL, NULL },
};

/* Return: MiB that were reserved; -1: it did not work, -2: cannot be tried here. */
static long reserved(struct run *r)
{
	long mib = -1;

	run(r);
	if (WIFEXITED(r->status) && WEXITSTATUS(r->status) == TAP_SKIPPED)
		return -2;
	if (!run_explain(r, run_succeeded(r) && sscanf(r->out, "works %ld", &mib) == 1))
		return -1;
	return mib;
}

static long reserved_under(void (*prepare)(const void *), const void *arg, const char *env)
{
	static struct run r;

	r = (struct run){ .args = { run_self(), "reserved" }, .env = { env }, .prepare = prepare,
		.arg = arg };
	return reserved(&r);
}

static void test_sizes(void)
{
	static const struct { const char *env; long mib; } sizes[] = {
		{ "FONDUE_HEAP_SIZE=64G", 65536 }, { "FONDUE_HEAP_SIZE=1T", 1 << 20 },
		{ "FONDUE_HEAP_SIZE=100M", 100 }, { "FONDUE_HEAP_SIZE=16M", 16 },
		{ "FONDUE_HEAP_SIZE=1M", 16 }, { "FONDUE_HEAP_SIZE=5M", 16 },
		{ "FONDUE_HEAP_SIZE=12345678", 16 }, { "FONDUE_HEAP_SIZE=nonsense", 65536 },
	};
	bool good = true;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		/* what is too small for a heap of so many small ones is still one */
		long mib = reserved_under(NULL, NULL, sizes[i].env);

		if (mib < sizes[i].mib || mib > sizes[i].mib + 2) {
			tap_note("  %s: %ld MiB", sizes[i].env, mib);
			good = false;
		}
	}
	test("it is as large as FONDUE_HEAP_SIZE says, but 16 MiB at least", good);
}

static bool is_told_of_none(void)
{
	static const long space = 60L << 20;
	static struct run r;
	bool good;

	r = (struct run){ .args = { run_self(), "reserved" }, .prepare = limit_address_space,
		.arg = &space };
	run(&r);
	good = run_explain(&r, run_succeeded(&r) && !strcmp(r.out, "does not work 0\n") &&
				       run_said(&r) == 1 && run_lines(r.err, "no shared heap: "
					"there are not enough addresses") == 1);
	r.env[0] = "FONDUE_STRICT=1";
	run(&r);
	return good && run_explain(&r, WIFEXITED(r.status) && WEXITSTATUS(r.status) == 127);
}

static void test_limits(void)
{
	static const long spaces[] = { 2L << 30, 1L << 30, 300L << 20, 200L << 20 };
	bool good = true;

	for (unsigned i = 0; i < 4; i++) {
		long mib = reserved_under(limit_address_space, &spaces[i], NULL);

		tap_note("  of %ld MiB of addresses it takes %ld", spaces[i] >> 20, mib);
		/* the rest is the program's */
		good &= mib >= 16 && mib <= spaces[i] >> 20;
	}
	test("with few addresses (ulimit -v) it is smaller", good);
	test("with fewer still there is none, which is said; FONDUE_STRICT=1 ends the program",
		is_told_of_none());
	test("no file may be larger than 1 MiB (ulimit -f)",
		reserved_under(limit_files, NULL, NULL) == 65536);
	if (reserved_under(limit_shm, NULL, NULL) == -2)
		skip("/dev/shm has 1 MiB", "no mount namespace");
	else
		test("/dev/shm has 1 MiB", reserved_under(limit_shm, NULL, NULL) == 65536);
}

/* By a shim: for the machine it is one setting, of which other programs would die. */
static long reserved_of_promise(const char *refuse, void (*prepare)(const void *))
{
	static struct run r;
	char preload[8192];

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s:%s", run_beside("refuse.so"),
		run_library());
	r = (struct run){ .args = { run_self(), "reserved" }, .env = { preload, refuse },
		.prepare = prepare };
	return reserved(&r);
}

static void test_promise(void)
{
	long mib;

	test("no more may be promised than there is (vm.overcommit_memory=2): nothing is",
		reserved_of_promise("REFUSE=promise=0", NULL) == 65536);
	mib = reserved_of_promise("REFUSE=promise-only=8", NULL);
	tap_note("  without memfd_create(), of 8 GiB it takes %ld MiB", mib);
	test("where it must be, it is not much", mib >= 256 && mib <= 1024);
	mib = reserved_of_promise("REFUSE=promise=8", limit_files);
	test("nor where files must be small (ulimit -f)", mib >= 256 && mib <= 1024);
}

static bool time_fork(const char *env, unsigned long *ret_ns, long *ret_mib)
{
	static struct run r;

	r = (struct run){ .args = { run_self(), "fork" }, .env = { env } };
	run(&r);
	return run_explain(&r,
		run_succeeded(&r) && sscanf(r.out, "%lu %ld", ret_ns, ret_mib) == 2);
}

static void test_fork(void)
{
	unsigned long ns, small = ULONG_MAX, large = ULONG_MAX;
	long mib, small_mib = 0, large_mib = 0;
	bool good = true;

	for (unsigned i = 0; i < 4; i++) {
		good &= time_fork("FONDUE_HEAP_SIZE=16M", &ns, &mib);
		small = ns < small ? ns : small;
		small_mib = mib;
		good &= time_fork("FONDUE_HEAP_SIZE=1T", &ns, &mib);
		large = ns < large ? ns : large;
		large_mib = mib;
	}
	tap_note("  a fork takes %lu us with 16 MiB reserved, %lu with 1 TiB", small / 1000,
		large / 1000);
	test("a reservation costs a fork nothing", good && large < small + small / 2);
	test("nor is its memory promised", good && large_mib < small_mib + 8192);
}

/* KiB on the disk of all files in a directory that have come while we did not look. */
static void test_core(void)
{
	static struct run r;
	char directory[] = "/tmp/fondue-core-XXXXXX", pattern[64] = "", path[4096], command[4200];
	FILE *file = fopen("/proc/sys/kernel/core_pattern", "r");
	struct stat stat_;
	uint64_t from = clock_ns();
	bool there;

	if (file && !fgets(pattern, sizeof(pattern), file))
		*pattern = '\0';
	if (file)
		fclose(file);
	if (*pattern == '|' || *pattern == '/' || strchr(pattern, '/') || !mkdtemp(directory)) {
		skip("a core dump leaves it out", "cores go elsewhere here");
		return;
	}
	r = (struct run){ .args = { run_self(), "abort" }, .prepare = allow_core,
		.arg = directory };
	run(&r);
	snprintf(path, sizeof(path), "%s/core", directory);
	there = stat(path, &stat_) == 0;
	if (!there) {
		snprintf(command, sizeof(command), "mv %s/core* %s 2>/dev/null", directory, path);
		there = system(command) == 0 && stat(path, &stat_) == 0;
	}
	if (there)
		tap_note("  the core has %ld KiB, %ld on the disk; took %lu ms",
			(long)stat_.st_size / 1024, (long)stat_.st_blocks / 2,
			(unsigned long)(clock_ns() - from) / 1000000);
	if (!there)
		skip("a core dump leaves it out", "there is no core");
	else
		test("a core dump leaves it out",
			stat_.st_size < 64L << 20 && clock_ns() - from < 20000000000);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	if (system(command))
		tap_note("  %s is left", directory);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_sizes();
	test_limits();
	test_promise();
	test_fork();
	test_core();
	return tap_done();
}
