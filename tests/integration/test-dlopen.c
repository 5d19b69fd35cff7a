/* SPDX-License-Identifier: MIT */
/*
 * Description: dlopen() finds what it would find, and what it finds is shared
 *
 * The hook on dlopen() must not be noticed: not by the search, which depends on who
 * calls, not by errno and dlerror(). Annotated variables of what was loaded before the
 * first fork are shared by the time of that fork; test-constructors.c is about plugins
 * that do much while they are loaded, test-late.c about those that come later.
 */
#include <fondue/shared.h>

#include "load.h"

static int play_path(void)
{
	plugin_print(plugin_open("counter.so"));
	return 0;
}

/* The driver has set LD_LIBRARY_PATH. */
static int play_name(void)
{
	plugin_print(plugin_of(dlopen("counter.so", RTLD_LAZY)));
	return 0;
}

static void *(*load_by(const char *caller))(const char *, int)
{
	void *handle = dlopen(run_beside(caller), RTLD_NOW);
	void *(*load)(const char *, int);

	*(void **)&load = plugin_function(handle, "plugin_load");
	if (!load)
		exit(1);
	return load;
}

/*
 * The search path of a library is for its own calls: the same name from the program is
 * not found.
 */
static int play_caller(const char *caller, const char *name)
{
	void *(*load)(const char *, int) = load_by(caller);

	printf("%s\n", dlopen(name, RTLD_NOW) ? "found by all" : "found by its caller");
	plugin_print_sharing(plugin_of(load(name, RTLD_NOW)));
	return 0;
}

static int play_runpath(void)
{
	return play_caller("plugins/caller-runpath.so", "counter.so");
}

static int play_rpath(void)
{
	return play_caller("plugins/caller-rpath.so", "counter.so");
}

static int play_origin(void)
{
	return play_caller("plugins/caller-runpath.so", "$ORIGIN/spare-0.so");
}

/* The driver has set LD_LIBRARY_PATH to where the dependency is. */
static int play_dependency(void)
{
	plugin_print(plugin_open("needs.so"));
	return 0;
}

/* What <fondue/shared.h> promises, of a plugin found by its caller's path. */
static int play_runpath_at_once(void)
{
	struct plugin plugin =
		plugin_of(load_by("plugins/caller-runpath.so")("counter.so", RTLD_NOW));

	printf("%d\n", plugin.active());
	return 0;
}

static int play_noload(void)
{
	const char *path = run_beside("plugins/counter.so");
	void *before = dlopen(path, RTLD_NOW | RTLD_NOLOAD), *handle, *again;
	const char *error = dlerror();

	handle = dlopen(path, RTLD_NOW);
	again = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
	printf("%d %d %s\n", !before, handle == again, error ? error : "no error");
	plugin_print(plugin_of(again));
	return 0;
}

static int play_global(void)
{
	void *handle = dlopen(run_beside("plugins/counter.so"), RTLD_NOW), *again;
	void *local = dlsym(RTLD_DEFAULT, "plugin_hits");

	again = dlopen(run_beside("plugins/counter.so"), RTLD_NOW | RTLD_GLOBAL);
	printf("%d %d %d\n", !local, handle == again,
		dlsym(RTLD_DEFAULT, "plugin_hits") == dlsym(handle, "plugin_hits"));
	plugin_print(plugin_of(again));
	return 0;
}

static int play_deepbind(void)
{
	plugin_print(plugin_of(
		dlopen(run_beside("plugins/counter.so"), RTLD_NOW | RTLD_DEEPBIND)));
	return 0;
}

static int play_null(void)
{
	void *program = dlopen(NULL, RTLD_NOW), *empty = dlopen("", RTLD_NOW);

	printf("%d %d %d\n", program != NULL, program == empty,
		dlsym(program, "printf") == dlsym(RTLD_DEFAULT, "printf"));
	return 0;
}

/* In a namespace of its own, with a libc of its own: nobody shares it, and it works. */
static int play_dlmopen(void)
{
	plugin_print(plugin_of(
		dlmopen(LM_ID_NEWLM, run_beside("plugins/counter.so"), RTLD_NOW)));
	return 0;
}

static void print_error(void *result)
{
	const char *error;

	printf("%d %d ", result != NULL, errno);
	error = dlerror();
	printf("%s; ", error ? error : "no error");
	printf("then %s\n", dlerror() ? "another" : "none");
}

/* What is said of failures, and errno after them: the driver compares. */
static int play_errors(void)
{
	static const char *const names[] = {"no-such.so", "./no-such.so", "/no/such.so",
		"/", "/etc/passwd", "/dev/null", "", "$ORIGIN/no-such.so", "$PLATFORM",
		"lib no such.so"};
	void *(*load)(const char *, int) = load_by("plugins/caller-runpath.so");

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		errno = EXFULL;
		print_error(dlopen(names[i], RTLD_NOW));
		errno = EXFULL;
		print_error(load(names[i], RTLD_NOW));
	}
	errno = EXFULL;
	print_error(dlopen("libc.so.6", 0)); /* no binding mode: refused */
	errno = EXFULL;
	print_error(dlsym(RTLD_DEFAULT, "no_such_symbol"));
	return 0;
}

/* errno and dlerror() after calls that succeed, and an error nobody has asked for yet. */
static int play_silence(void)
{
	void *(*load)(const char *, int) = load_by("plugins/caller-runpath.so");

	errno = EXFULL;
	print_error(dlopen(run_beside("plugins/counter.so"), RTLD_NOW));
	errno = EXFULL;
	print_error(load("spare-0.so", RTLD_NOW));
	errno = EXFULL;
	print_error(load("spare-0.so", RTLD_NOW | RTLD_NOLOAD));
	errno = EXFULL;
	print_error(dlopen(NULL, RTLD_NOW));
	dlopen("no-such.so", RTLD_NOW);
	errno = EXFULL;
	print_error(dlopen(run_beside("plugins/spare-1.so"), RTLD_NOW));
	dlopen("no-such.so", RTLD_NOW);
	errno = EXFULL;
	print_error(load("spare-2.so", RTLD_NOW));
	return 0;
}

static unsigned count_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned lines = 0;
	int c;

	while ((c = getc(maps)) != EOF)
		lines += c == '\n';
	fclose(maps);
	return lines;
}

#define CYCLES 100

/* Each time the loader maps the file afresh; nothing of the last time may linger. */
static int play_again(void)
{
	unsigned fresh = 0, active = 0, before = 0;

	for (unsigned i = 0; i < CYCLES; i++) {
		struct plugin plugin = plugin_open("counter.so");

		fresh += *plugin.hits() == PLUGIN_FRESH && *plugin.own() == 0;
		active += plugin.active();
		*plugin.hits() = *plugin.own() = i;
		dlclose(plugin.handle);
		if (i == 0)
			before = count_maps();
	}
	printf("%u %u %d\n", fresh, active, (int)(count_maps() - before));
	plugin_print(plugin_open("counter.so"));
	return 0;
}

static const struct scenario scenarios[] = {
	{"path", play_path},
	{"name", play_name},
	{"runpath", play_runpath},
	{"runpath-at-once", play_runpath_at_once},
	{"rpath", play_rpath},
	{"origin", play_origin},
	{"dependency", play_dependency},
	{"noload", play_noload},
	{"global", play_global},
	{"deepbind", play_deepbind},
	{"null", play_null},
	{"dlmopen", play_dlmopen},
	{"errors", play_errors},
	{"silence", play_silence},
	{"again", play_again},
	{NULL, NULL},
};

#define SHARED	     "active 7 shared\n"
#define PRIVATE	     "inactive 7 private\n"
#define BY_CALLER(x) "found by its caller\n" x

static void test_finding(void)
{
	static char path[4200], deps[4200];
	const struct expectation expected[] = {
		{"a plugin loaded by its path is shared", "path", SHARED, 0, NULL,
			PRIVATE},
		{"a plugin loaded by name, through LD_LIBRARY_PATH, is shared", "name",
			SHARED, 0, path, PRIVATE},
		{"a plugin found through its caller's DT_RUNPATH is found, and shared",
			"runpath", BY_CALLER("- 7 shared\n"), 0, NULL,
			BY_CALLER("- 7 private\n")},
		{"a plugin found through its caller's DT_RPATH is found, and shared",
			"rpath", BY_CALLER("- 7 shared\n"), 0, NULL,
			BY_CALLER("- 7 private\n")},
		{"fondue_active() in it is true when dlopen() returns", "runpath-at-once",
			"1\n", 0, NULL, "0\n"},
		{"$ORIGIN in a name is the directory of the caller", "origin",
			BY_CALLER("- 7 shared\n"), 0, NULL, BY_CALLER("- 7 private\n")},
		{"an annotated dependency of a plugin is shared", "dependency",
			"- 7 shared\n", 0, deps, "- 7 private\n"},
		{0},
	};

	snprintf(path, sizeof(path), "LD_LIBRARY_PATH=%s", run_beside("plugins"));
	snprintf(deps, sizeof(deps), "LD_LIBRARY_PATH=%s", run_beside("plugins/deps"));
	test_expected(expected);
}

static void test_flags(void)
{
	const struct expectation expected[] = {
		{"RTLD_NOLOAD loads nothing, and finds what is loaded", "noload",
			"1 1 no error\n" SHARED, 0, NULL, "1 1 no error\n" PRIVATE},
		{"RTLD_GLOBAL makes symbols visible, of a loaded plugin too", "global",
			"1 1 1\n" SHARED, 0, NULL, "1 1 1\n" PRIVATE},
		{"a plugin loaded with RTLD_DEEPBIND is shared", "deepbind", SHARED, 0,
			NULL, PRIVATE},
		{"dlopen(NULL) is the program", "null", "1 1 1\n", 0, NULL, "1 1 1\n"},
		{"a plugin loaded by dlmopen() works privately", "dlmopen", PRIVATE, 0,
			NULL, PRIVATE},
		{"a plugin loaded and unloaded 100 times is fresh and shared each time, "
		 "and "
		 "leaves no mapping",
			"again", "100 100 0\n" SHARED, 0, NULL, "100 0 0\n" PRIVATE},
		{0},
	};

	test_expected(expected);
}

/* The same run with and without the preload says the same. */
static void test_same(const char *claim, const char *scenario)
{
	static struct run with, without;

	with = (struct run){.args = {run_self(), scenario}};
	without = (struct run){.args = {run_self(), scenario}, .plain = true};
	run(&with);
	run(&without);
	test(claim, run_explain(&without, run_succeeded(&without) && *without.out) &&
			    run_explain(&with, run_succeeded(&with)) &&
			    (run_explain(&without, !strcmp(with.out, without.out)) ||
				    run_explain(&with, false)));
}

/* Programs with a search path of their own. */
static void test_openers(void)
{
	static const struct {
		const char *claim, *program;
	} openers[] = {
		{"the program's own DT_RUNPATH is searched", "opener-runpath"},
		{"the program's own DT_RPATH is searched", "opener-rpath"},
		{"a plugin that a constructor of the program loads is shared",
			"opener-constructor"},
	};
	static struct run r;

	for (unsigned i = 0; i < sizeof(openers) / sizeof(openers[0]); i++) {
		r = (struct run){.args = {run_beside(openers[i].program), "counter.so"}};
		run(&r);
		test(openers[i].claim,
			run_explain(
				&r, run_succeeded(&r) && !strcmp(r.out, "7 shared\n")));
	}
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_finding();
	test_openers();
	test_flags();
	test_same("errors of dlopen() are those without the preload", "errors");
	test_same("errno and dlerror() after success are those without the preload",
		"silence");
	return tap_done();
}
