/* SPDX-License-Identifier: MIT */
/*
 * Description: plugins that start threads, fork and load others while they are loaded
 *
 * A plugin's constructors run inside dlopen(), before its pages have been shared. What
 * they start must find the pages shared all the same, or its first work is lost. And what
 * the program did before, short of a fork, must not keep a plugin private.
 */
#include <spawn.h>

#include <fondue/shared.h>

#include "load.h"

/* One round may be lucky: the pages are replaced in an instant. */
#ifdef __GLIBC__
#define ROUNDS 30
#else
#define ROUNDS 1 /* musl never unloads */
#endif

static int play_thread(const char *name)
{
	struct plugin plugin = {0};
	long all = 0;

	for (int round = 0; round < ROUNDS; round++) {
		int (*lost)(void);

		if (plugin.handle)
			dlclose(plugin.handle);
		plugin = plugin_open(name);
		*(void **)&lost = plugin_function(plugin.handle, "plugin_lost");
		all += lost();
	}
	printf("%ld lost\n", all);
	printf("%s\n", sharing_of(plugin.hits()));
	return 0;
}

static int play_thread_posix(void)
{
	return play_thread("thread.so");
}

static int play_thread_c11(void)
{
	return play_thread("thread-c11.so");
}

static void print_forker(struct plugin plugin)
{
	printf("%s %d %d\n", plugin.active() ? "active" : "inactive",
		*plugin.hits() - PLUGIN_FRESH, *plugin.own());
}

static int play_forker(void)
{
	print_forker(plugin_open("forker.so"));
	return 0;
}

#ifdef __GLIBC__ /* musl has no search path of a caller */
static int play_forker_by_name(void)
{
	void *caller = dlopen(run_beside("plugins/caller-runpath.so"), RTLD_NOW);
	void *(*load)(const char *, int);

	*(void **)&load = plugin_function(caller, "plugin_load");
	print_forker(plugin_of(load("forker.so", RTLD_NOW)));
	return 0;
}
#endif

static int play_nested(void)
{
	volatile int *(*inner)(void);
	struct plugin plugin;

	setenv("PLUGIN_NESTED", run_beside("plugins/counter.so"), 1);
	plugin = plugin_open("nested.so");
	*(void **)&inner = plugin_function(plugin.handle, "plugin_inner_hits");
	printf("%d %d ", *plugin.hits(), *inner());
	printf("%s ", sharing_of(plugin.hits()));
	printf("%s\n", sharing_of(inner()));
	return 0;
}

static int play_require(void)
{
	plugin_print(plugin_open("require.so"));
	return 0;
}

/* Programs started are no family: what is loaded afterwards is shared all the same. */
static int play_started(void)
{
	char *args[] = {"sh", "-c", "exit 0", NULL};
	FILE *pipe;
	pid_t pid;

#ifndef __GLIBC__
	unsetenv("LD_PRELOAD"); /* the shell is no musl program */
#endif
	if (system("exit 0") != 0 || !(pipe = popen("exit 0", "r")) || pclose(pipe) != 0)
		return 1;
	if (posix_spawnp(&pid, "sh", NULL, NULL, args, environ) || exit_status(pid) != 0)
		return 1;
	pid = vfork();
	if (pid == 0) {
		execvp("sh", args);
		_exit(1);
	}
	if (exit_status(pid) != 0)
		return 1;
	plugin_print(plugin_open("counter.so"));
	return 0;
}

static const struct scenario scenarios[] = {
	{"thread-posix", play_thread_posix},
	{"thread-c11", play_thread_c11},
	{"forker", play_forker},
#ifdef __GLIBC__
	{"forker-by-name", play_forker_by_name},
#endif
	{"nested", play_nested},
	{"require", play_require},
	{"started", play_started},
	{NULL, NULL},
};

#define SHARED	"active 7 shared\n"
#define PRIVATE "inactive 7 private\n"

static void test_constructors(void)
{
	const struct expectation expected[] = {
		{"no increment of a thread that a plugin's constructor started is lost",
			"thread-posix", "0 lost\nshared\n", 0, NULL, "0 lost\nprivate\n"},
		{"nor of one started with thrd_create()", "thread-c11",
			"0 lost\nshared\n", 0, NULL, "0 lost\nprivate\n"},
		{"a child that a plugin's constructor forks shares with it", "forker",
			"active 1 0\n", 0, NULL, "inactive 0 0\n"},
#ifdef __GLIBC__
		{"and so when the plugin is found through its caller's path",
			"forker-by-name", "active 1 0\n", 0, NULL, "inactive 0 0\n"},
#endif
		{"a plugin loaded by a plugin's constructor is shared, as is the first",
			"nested", "8 8 shared shared\n", 0, NULL,
			"8 8 private private\n"},
		{"a plugin with FONDUE_REQUIRE_RUNTIME is loaded, and shared", "require",
			SHARED, 0, NULL, NULL},
		{0},
	};

	test_expected(expected);
}

static void test_before(void)
{
	const struct expectation expected[] = {
		{"system, popen, posix_spawn and vfork before do not keep a plugin "
		 "private",
			"started", SHARED, 0, NULL, PRIVATE},
		{0},
	};

	test_expected(expected);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_constructors();
	test_before();
	return tap_done();
}
