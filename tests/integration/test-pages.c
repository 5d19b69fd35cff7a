/* SPDX-License-Identifier: MIT */
/*
 * Description: what was asked of the pages is kept, and nothing leaks
 *
 * A plugin's pages are shared before its constructor can ask anything of them. But the
 * runtime may come late, with a plugin that is linked with it; and a new mapping has none
 * of the old one's properties. What mlock() and madvise() had set then holds afterwards,
 * for the pages it was meant for and no others, or its loss is said. And however often a
 * program forks or loads, it has no more mappings and descriptors than before.
 */
#include <dirent.h>
#include <sys/mman.h>

#include <fondue/shared.h>

#include "load.h"
#include "plugins/advice.h"

FONDUE_SHARED static volatile int word = 1;

/*
 * Find the mapping that holds @address in /proc/self/smaps: what does its line @name say?
 */
static bool find_mapping(
	const void *address, const char *name, char *ret_value, size_t size)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long start, end;
	bool inside = false, found = false;
	char line[512];

	while (maps && !found && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start <= (unsigned long)address &&
				 (unsigned long)address < end;
		else if (inside && !strncmp(line, name, strlen(name))) {
			snprintf(ret_value, size, "%s", line + strlen(name));
			found = true;
		}
	}
	if (maps)
		fclose(maps);
	return found;
}

static bool has_flag(const void *address, const char *flag)
{
	char flags[512] = "", spaced[8];

	snprintf(spaced, sizeof(spaced), " %s ", flag);
	return find_mapping(address, "VmFlags:", flags, sizeof(flags)) &&
	       strstr(flags, spaced) != NULL;
}

static char *open_table(struct plugin *ret_plugin)
{
	char *(*table)(void);

	*ret_plugin = plugin_open("advice.so");
	*(void **)&table = plugin_function(ret_plugin->handle, "advice_table");
	return table();
}

/* Flags of the table's first and last page, and whether it came through. */
static int play_flag(const char *flag)
{
	struct plugin plugin;
	char *table = open_table(&plugin);

	printf("%d %d %s %s\n", has_flag(table, flag),
		has_flag(table + ADVICE_SIZE - 1, flag),
		has_flag(table, "sh") ? "shared" : "private",
		table[0] == 1 ? "whole" : "lost");
	return 0;
}

static int play_locked(void)
{
	return play_flag("lo");
}

static int play_dump(void)
{
	return play_flag("dd");
}

static int play_huge(void)
{
	return play_flag("nh");
}

#ifdef __GLIBC__ /* musl does not load a library with initial-exec thread-locals late */
/* The plugin is there, its wish is granted, and then comes the runtime. */
static int play_late(const char *flag)
{
	struct plugin plugin;
	char *table = open_table(&plugin);
	const char *runtime = getenv("RUNTIME");
	bool first = has_flag(table, flag), last = has_flag(table + ADVICE_SIZE - 1, flag);

	if (runtime && !dlopen(runtime, RTLD_NOW))
		return 1;
	printf("%d %d, %d %d %s %s\n", first, last, has_flag(table, flag),
		has_flag(table + ADVICE_SIZE - 1, flag),
		has_flag(table, "sh") ? "shared" : "private",
		table[0] == 1 ? "whole" : "lost");
	return 0;
}

static int play_late_locked(void)
{
	return play_late("lo");
}

static int play_late_dump(void)
{
	return play_late("dd");
}

static int play_late_fork(void)
{
	return play_late("dc");
}

static int play_late_wipe(void)
{
	return play_late("wf");
}
#endif

/* Locking what there will be is not the same as fetching all of it now. */
static int play_resident(void)
{
	struct plugin plugin;
	char *table = open_table(&plugin), kib[64] = "";

	find_mapping(table, "Rss:", kib, sizeof(kib));
	printf("%s %s\n", atol(kib) < ADVICE_SIZE / 1024 / 2 ? "small" : "large",
		plugin.active() ? "active" : "inactive");
	return 0;
}

/* The host has asked for all of its memory, present and future. */
static int play_lock_all(void)
{
	struct plugin plugin;
	char *table;

	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		return 1;
	table = open_table(&plugin);
	printf("%d %d %d %s\n", has_flag(table, "lo"),
		has_flag(table + ADVICE_SIZE - 1, "lo"),
		has_flag((const void *)plugin.hits(), "lo"),
		plugin.active() ? "active" : "inactive");
	return 0;
}

/* Leaks */

static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

static int count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int count = 0, c;

	while (maps && (c = getc(maps)) != EOF)
		count += c == '\n';
	if (maps)
		fclose(maps);
	return count;
}

/* Prints by how much both have grown in all but the first round. */
static int count_growth(void (*once)(void), int times)
{
	int descriptors, mappings;

	once();
	descriptors = count_descriptors();
	mappings = count_mappings();
	for (int i = 0; i < times; i++)
		once();
	printf("%d %d\n", count_descriptors() - descriptors, count_mappings() - mappings);
	return 0;
}

static void fork_once(void)
{
	if (!is_shared(&word))
		exit(1);
}

static int play_forks(void)
{
	return count_growth(fork_once, 1000);
}

/* A child that forks the next: the last one counts, against what the first one had. */
static int play_generations(void)
{
	int descriptors = count_descriptors(), mappings = count_mappings();

	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();

		if (pid)
			return exit_status(pid);
	}
	printf("%d %d\n", count_descriptors() - descriptors, count_mappings() - mappings);
	return 0;
}

static void load_once(void)
{
	dlclose(plugin_open("counter.so").handle);
}

static int play_loads(void)
{
	return count_growth(load_once, 300);
}

#ifdef __GLIBC__ /* musl has no search path of a caller */
static void *(*load_by_caller)(const char *, int);

static void load_by_name_once(void)
{
	dlclose(load_by_caller("counter.so", RTLD_NOW));
}

static int play_loads_by_name(void)
{
	void *caller = dlopen(run_beside("plugins/caller-runpath.so"), RTLD_NOW);

	*(void **)&load_by_caller = plugin_function(caller, "plugin_load");
	return count_growth(load_by_name_once, 300);
}
#endif

static void fail_once(void)
{
	if (dlopen("no-such.so", RTLD_NOW) || dlopen("/no/such.so", RTLD_NOW))
		exit(1);
}

static int play_failures(void)
{
	return count_growth(fail_once, 300);
}

static int play_late_loads(void)
{
	fork_once();
	return count_growth(load_once, 50);
}

static const struct scenario scenarios[] = {
	{"locked", play_locked},
	{"dump", play_dump},
	{"huge", play_huge},
#ifdef __GLIBC__
	{"late-locked", play_late_locked},
	{"late-dump", play_late_dump},
	{"late-fork", play_late_fork},
	{"late-wipe", play_late_wipe},
#endif
	{"resident", play_resident},
	{"lock-all", play_lock_all},
	{"forks", play_forks},
	{"generations", play_generations},
	{"loads", play_loads},
#ifdef __GLIBC__
	{"loads-by-name", play_loads_by_name},
#endif
	{"failures", play_failures},
	{"late-loads", play_late_loads},
	{NULL, NULL},
};

static void test_kept(void)
{
	static const struct expectation expected[] = {
		{"pages without wishes are shared, without flags", "locked",
			"0 0 shared whole\n", 0, "ADVICE=none", "0 0 private whole\n"},
		{"MADV_DONTDUMP is kept", "dump", "1 1 shared whole\n", 0,
			"ADVICE=dontdump", "1 1 private whole\n"},
		{"MADV_DONTDUMP of one page is kept for that page alone", "dump",
			"1 0 shared whole\n", 0, "ADVICE=dontdump-page",
			"1 0 private whole\n"},
		{"MADV_NOHUGEPAGE is kept", "huge", "1 1 shared whole\n", 0,
			"ADVICE=nohugepage", "1 1 private whole\n"},
		{0},
	};

	test_expected(expected);
}

static bool may_lock(void)
{
	struct rlimit limit;

	return geteuid() == 0 ||
	       (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= 8 << 20);
}

static void test_locked(void)
{
	static const struct expectation expected[] = {
		{"a locked page stays locked, and it alone", "locked",
			"1 0 shared whole\n", 0, "ADVICE=lock", "1 0 private whole\n"},
		{"after mlockall(MCL_FUTURE) what is shared is locked", "lock-all",
			"1 1 1 active\n", 0, NULL, "1 1 1 inactive\n"},
		{"pages locked on fault stay so", "locked", "1 1 shared whole\n", 0,
			"ADVICE=on-fault", "1 1 private whole\n"},
		{"and are not all fetched", "resident", "small active\n", 0,
			"ADVICE=on-fault", "small inactive\n"},
		{0},
	};

	if (may_lock())
		test_expected(expected);
	else
		tap_note("not tested: locked pages, for ulimit -l is below 8 MiB");
}

#ifdef __GLIBC__
/* Without the preload; the scenario loads the runtime. */
static void test_late(const char *claim, const char *scenario, const char *advice,
	const char *out, unsigned lines)
{
	static char runtime[4200];
	static struct run r;

	snprintf(runtime, sizeof(runtime), "RUNTIME=%s", run_library());
	r = (struct run){
		.args = {run_self(), scenario}, .env = {advice, runtime}, .plain = true};
	run(&r);
	test(claim, run_explain(&r, run_succeeded(&r) && !strcmp(r.out, out) &&
					    run_said(&r) == lines));
}

static void test_late_runtime(void)
{
	test_late("a runtime that comes late keeps MADV_DONTDUMP", "late-dump",
		"ADVICE=dontdump", "1 1, 1 1 shared whole\n", 0);
	test_late("of one page for that page alone", "late-dump", "ADVICE=dontdump-page",
		"1 0, 1 0 shared whole\n", 0);
	if (may_lock())
		test_late("keeps a locked page locked, and it alone", "late-locked",
			"ADVICE=lock", "1 0, 1 0 shared whole\n", 0);
	test_late("says in one line that MADV_DONTFORK is lost", "late-fork",
		"ADVICE=dontfork", "1 1, 0 0 shared whole\n", 1);
	test_late("says in one line that MADV_WIPEONFORK is lost", "late-wipe",
		"ADVICE=wipeonfork", "1 1, 0 0 shared whole\n", 1);
}
#endif

static void test_leaks(void)
{
	static const struct expectation expected[] = {
		{"1000 forks leave no descriptor and no mapping", "forks", "0 0\n", 0,
			NULL, NULL},
		{"100 generations inherit none", "generations", "0 0\n", 0, NULL,
			"0 0\n"},
		{"nor do 300 plugins loaded, shared and unloaded", "loads", "0 0\n", 0,
			NULL, "0 0\n"},
#ifdef __GLIBC__
		{"nor 300 found through their caller's path", "loads-by-name", "0 0\n", 0,
			NULL, "0 0\n"},
#endif
		{"nor 600 that cannot be loaded", "failures", "0 0\n", 0, NULL, "0 0\n"},
		{0},
	};
	static struct run r;

	test_expected(expected);
	r = (struct run){.args = {run_self(), "late-loads"}};
	run(&r);
	test("nor 50 that come too late to be shared",
		run_explain(&r, run_succeeded(&r) && !strcmp(r.out, "0 0\n")));
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_kept();
	test_locked();
#ifdef __GLIBC__
	test_late_runtime();
#endif
	test_leaks();
	return tap_done();
}
