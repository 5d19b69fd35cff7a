/* SPDX-License-Identifier: MIT */
/*
 * Description: a sandbox that refuses what the runtime asks for
 *
 * Container runtimes and service managers refuse system calls, with EPERM or as if the
 * kernel had never heard of them. Without mremap or shared mmap there is no sharing: then
 * the program runs with private variables, their contents whole, and is told once. All
 * else the runtime can do without, and must.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <fondue/shared.h>

#include "filter.h"
#include "run.h"
#include "sharing.h"

#define PATTERN(i) ((int)(i)*2654435761u ^ 0x5a5a)
#define ROW(i)	   PATTERN(i), PATTERN(i + 1), PATTERN(i + 2), PATTERN(i + 3)
#define ROWS(i)	   ROW(i), ROW(i + 4), ROW(i + 8), ROW(i + 12)

/* Contents from the file on the first and the last page, zeros from the file between. */
#define TABLE_SIZE 5120
FONDUE_SHARED static unsigned table[TABLE_SIZE] = {
	ROWS(0), [TABLE_SIZE - 16] = ROWS(TABLE_SIZE - 16)};
/* 4 MiB: large enough for /proc/self/pagemap to be asked several times */
#define ZERO_SIZE (1 << 20)
FONDUE_SHARED_ZERO static volatile int zero[ZERO_SIZE];
static FONDUE_SHARED volatile int word = 1;
static unsigned private_table[16] = {ROWS(0)};

static bool contents_are_whole(void)
{
	for (unsigned i = 0; i < TABLE_SIZE; i++)
		if (table[i] != (i < 16 || i >= TABLE_SIZE - 16 ? PATTERN(i) : 0))
			return false;
	for (unsigned i = 0; i < 16; i++)
		if (private_table[i] != PATTERN(i))
			return false;
	for (unsigned i = 0; i < ZERO_SIZE; i += 64)
		if (zero[i])
			return false;
	return true;
}

/* What the program sees, in one line: the expectations below. */
static int play_program(void)
{
	bool whole = contents_are_whole();
	const char *of_word = sharing_of(&word);
	const char *of_zero = sharing_of(&zero[ZERO_SIZE - 1]);

	printf("%s, %s, %s, %s\n", fondue_active() ? "active" : "inactive",
		whole ? "whole" : "damaged", of_word, of_zero);
	return 0;
}

/*
 * Started already, it forbids what it does not do itself: a fork is as it would be without
 * the runtime, whatever errno happened to be before.
 */
static int play_killer(void)
{
	static const struct rule rules[] = {
		{SYS_getpid, KILLED, 0, 0, 0}, {SYS_waitid, KILLED, 0, 0, 0}, {0}};

	if (!filter_install(rules))
		return 1;
	errno = 0;
	if (!is_shared(&word))
		return 1;
	errno = EAGAIN;
	return is_shared(&word) ? 0 : 1;
}

/* What becomes of calls that the shim may refuse: "open stat read", errors or results. */
static int play_probe(void)
{
	char byte[16];
	struct stat status;
	int file = open(run_self(), O_RDONLY | O_CLOEXEC);

	printf("%d ", syscall(SYS_openat, AT_FDCWD, "/proc/self/stat", O_RDONLY) < 0
			      ? errno
			      : 0);
	printf("%d ", syscall(SYS_newfstatat, AT_FDCWD, "/proc/self", &status, 0) < 0
			      ? errno
			      : 0);
	printf("%ld\n", syscall(SYS_pread64, file, byte, sizeof(byte), 0L));
	return 0;
}

static const struct scenario scenarios[] = {
	{"program", play_program},
	{"killer", play_killer},
	{"probe", play_probe},
	{NULL, NULL},
};

static const char all_shared[] = "active, whole, shared, shared\n";
static const char all_private[] = "inactive, whole, private, private\n";

#define MMAP_SHARED .argument = 3, .mask = MAP_SHARED | MAP_PRIVATE, .value = MAP_SHARED
/* libc loads libraries with pread64() of other sizes and stat() by descriptor */
#define PREAD_PAGES .argument = 2, .mask = 0xfff, .value = 0
#define FSTAT_ERR   .argument = 0, .mask = ~0U, .value = 2
#define STAT_PATH   .argument = 3, .mask = ~0U, .value = 0
#define ZERO_BYTES  .argument = 1, .mask = ~0U, .value = ZERO_SIZE * sizeof(int)

static const struct sandbox {
	const char *name;
	struct rule rules[RULES_MAX];
	bool shared;
	unsigned lines;
} sandboxes[] = {
	{"mremap refused with EPERM: private, said once", {{SYS_mremap, EPERM, 0, 0, 0}},
		false, 1},
	{"mremap refused with ENOSYS: private, said once",
		{{SYS_mremap, ENOSYS, 0, 0, 0}}, false, 1},
	{"mremap refused with ENOMEM: private, said once",
		{{SYS_mremap, ENOMEM, 0, 0, 0}}, false, 1},
	{"mremap of the second section alone refused: both private, said once",
		{{SYS_mremap, EPERM, ZERO_BYTES}}, false, 1},
	{"mmap of shared memory refused with EPERM: private, said once",
		{{SYS_mmap, EPERM, MMAP_SHARED}}, false, 1},
	{"mmap of shared memory refused with ENOSYS: private, said once",
		{{SYS_mmap, ENOSYS, MMAP_SHARED}}, false, 1},
	{"mmap and mremap refused: private, said once",
		{{SYS_mmap, EACCES, MMAP_SHARED}, {SYS_mremap, EACCES, 0, 0, 0}}, false,
		1},
	{"madvise refused: shared, nothing said",
		{{SYS_madvise, EPERM, 0, 0, 0}, {SYS_mlock, EPERM, 0, 0, 0}}, true, 0},
	{"pread64 of pagemap refused with EPERM: shared, nothing said",
		{{SYS_pread64, EPERM, PREAD_PAGES}}, true, 0},
	{"pread64 of pagemap refused with ENOSYS: shared, nothing said",
		{{SYS_pread64, ENOSYS, PREAD_PAGES}}, true, 0},
	{"newfstatat by path refused: shared, nothing said",
		{{SYS_newfstatat, EPERM, STAT_PATH}}, true, 0},
	{"fstat of standard error refused: shared, nothing said",
		{{SYS_fstat, ENOSYS, FSTAT_ERR}}, true, 0},
	{"rt_sigprocmask refused with EPERM: shared, nothing said",
		{{SYS_rt_sigprocmask, EPERM, 0, 0, 0}}, true, 0},
	{"rt_sigprocmask and mremap refused: private, said once",
		{{SYS_rt_sigprocmask, ENOSYS, 0, 0, 0}, {SYS_mremap, EPERM, 0, 0, 0}},
		false, 1},
	{"getpid, ppoll, fcntl and mremap refused: private, said once",
		{{SYS_getpid, EPERM, 0, 0, 0}, {SYS_ppoll, EPERM, 0, 0, 0},
			{SYS_fcntl, EPERM, 0, 0, 0}, {SYS_mremap, EPERM, 0, 0, 0}},
		false, 1},
	{"fstat of standard error and mremap refused: private, said once",
		{{SYS_fstat, EPERM, FSTAT_ERR}, {SYS_mremap, EPERM, 0, 0, 0}}, false, 1},
};

static void enter_sandbox(const void *arg)
{
	if (!filter_install(((const struct sandbox *)arg)->rules))
		_exit(124);
}

static struct run r;

static void test_sandbox(const struct sandbox *sandbox)
{
	r = (struct run){.args = {run_self(), "program"},
		.prepare = enter_sandbox,
		.arg = sandbox};
	run(&r);
	test(sandbox->name,
		run_explain(&r, run_succeeded(&r) && run_said(&r) == sandbox->lines &&
					run_lines(r.err, "") == sandbox->lines &&
					!strcmp(r.out, sandbox->shared ? all_shared
								       : all_private)));
}

static void test_message(void)
{
	const struct rule rules[] = {{SYS_mremap, EPERM, 0, 0, 0}, {0}};
	const struct sandbox sandbox = {.rules = {rules[0]}};

	r = (struct run){.args = {run_self(), "program"},
		.prepare = enter_sandbox,
		.arg = &sandbox};
	run(&r);
	test("the line names the program, the cause and the cure",
		run_explain(&r, strstr(r.err, run_self()) && strstr(r.err, "mremap") &&
					strstr(r.err, "error 1") &&
					strstr(r.err, "sandbox")));
	r = (struct run){.args = {run_self(), "program"},
		.env = {"FONDUE_STRICT=1"},
		.prepare = enter_sandbox,
		.arg = &sandbox};
	run(&r);
	test("with FONDUE_STRICT=1 such a sandbox ends the program with status 127",
		run_explain(&r,
			WIFEXITED(r.status) && WEXITSTATUS(r.status) == 127 && !*r.out));
}

static void test_killer(void)
{
	r = (struct run){.args = {run_self(), "killer"}};
	run(&r);
	test("a program that is killed for getpid and waitid forks, and shares",
		run_explain(&r, run_succeeded(&r) && run_said(&r) == 0));
}

/* A filter that catches nothing would let every test above pass. */
static bool filter_bites(long number, const struct rule *rules)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (!filter_install(rules))
			_exit(2);
		/* harmless with these arguments even if it were let through */
		_exit(syscall(number, 0, 0, 0, 0, 0, 0) == -1 && errno == EUCLEAN ? 0
										  : 1);
	}
	return exit_status(pid) == 0;
}

static bool filter_kills(long number)
{
	const struct rule rules[] = {{number, KILLED, 0, 0, 0}, {0}};
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(filter_install(rules) && syscall(number, 0, 0, 0, 0, 0, 0) ? 1 : 2);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
}

static void test_filters(void)
{
	const struct rule all[] = {{SYS_mremap, EUCLEAN, 0, 0, 0}, {0}};
	const struct rule some[] = {{SYS_pread64, EUCLEAN, PREAD_PAGES}, {0}};
	const struct rule none[] = {{SYS_mmap, EUCLEAN, MMAP_SHARED}, {0}};

	if (!filter_bites(SYS_mremap, all))
		tap_skip_all("no seccomp filters here");
	test("a filter by argument refuses calls with that argument",
		filter_bites(SYS_pread64, some));
	test("and no others", !filter_bites(SYS_mmap, none));
	test("a filter that kills does", filter_kills(SYS_getpid));
}

/* What a filter cannot do, a library between the runtime and libc can. */
static const struct shim {
	const char *name;
	const char *refuse;
	bool shared;
	unsigned lines;
} shims[] = {
	{"open below /proc refused with EACCES: shared, nothing said", "REFUSE=proc=13",
		true, 0},
	{"open below /proc refused with EMFILE: shared, nothing said", "REFUSE=proc=24",
		true, 0},
	{"stat below /proc refused: shared, nothing said", "REFUSE=stat=13", true, 0},
	{"pagemap gives one entry and a half at a time: shared, nothing said",
		"REFUSE=pread-odd=12", true, 0},
	{"pagemap is empty: shared, nothing said", "REFUSE=pread-empty=0", true, 0},
	{"mremap fails after it has unmapped the variables: private, whole, said "
	 "once",
		"REFUSE=mremap-after-unmap=12", false, 1},
};

static void play_shimmed(const char *scenario, const char *refuse)
{
	static char preload[8192];

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s:%s", run_beside("refuse.so"),
		run_library());
	r = (struct run){.args = {run_self(), scenario}, .env = {preload, refuse}};
	run(&r);
}

static void test_shim(const struct shim *shim)
{
	play_shimmed("program", shim->refuse);
	test(shim->name,
		run_explain(&r,
			run_succeeded(&r) && run_said(&r) == shim->lines &&
				run_lines(r.err, "") == shim->lines &&
				!strcmp(r.out, shim->shared ? all_shared : all_private)));
}

/* A shim that does nothing would let most tests of it pass. */
static void test_shim_itself(void)
{
	static const char *const wanted[][2] = {
		{"REFUSE=none", "0 0 16\n"},
		{"REFUSE=proc=13", "13 0 16\n"},
		{"REFUSE=stat=24", "0 24 16\n"},
		{"REFUSE=pread-odd=12", "0 0 12\n"},
		{"REFUSE=pread-empty=0", "0 0 0\n"},
	};
	bool good = true;

	for (unsigned i = 0; good && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		play_shimmed("probe", wanted[i][0]);
		good = run_explain(&r, !strcmp(r.out, wanted[i][1]));
	}
	test("the shim refuses what it is told to, and nothing else", good);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_filters();
	for (unsigned i = 0; i < sizeof(sandboxes) / sizeof(sandboxes[0]); i++)
		test_sandbox(&sandboxes[i]);
	test_message();
	test_killer();
	test_shim_itself();
	for (unsigned i = 0; i < sizeof(shims) / sizeof(shims[0]); i++)
		test_shim(&shims[i]);
	return tap_done();
}
