/* SPDX-License-Identifier: MIT */
/*
 * Description: a runtime that comes along with a plugin, which is linked with it
 *
 * A library may be linked with -lfondue itself. Then a program that is not preloaded gets
 * the runtime in the middle of its life, when nobody has told it of earlier forks; and a
 * plugin in a namespace of its own gets a second runtime, beside the one that was
 * preloaded. Neither may claim to share what it does not. (glibc's: musl knows no namespaces,
 * and takes no library late that has thread-local variables as the runtime has.)
 */
#include "load.h"

static int play_alone(void)
{
	plugin_print(plugin_open("linked.so"));
	return 0;
}

static pid_t start_worker(const int ready[2], const int go[2])
{
	pid_t pid = fork();
	char byte;

	if (pid == 0) {
		/* nobody loads it before all live, and nobody ends before all have */
		close(go[1]);
		if (write(ready[1], "", 1) != 1 || read(go[0], &byte, 1) != 0)
			_exit(1);
		plugin_print(plugin_open("linked.so"));
		_exit(CHILD_DONE);
	}
	return pid;
}

/* A prefork server: each worker loads its modules itself, and all of them live. */
static int play_workers(void)
{
	int ready[2], go[2], status = 0;
	pid_t workers[2];
	char byte;

	if (pipe(ready) < 0 || pipe(go) < 0)
		return 1;
	for (unsigned i = 0; i < 2; i++)
		workers[i] = start_worker(ready, go);
	for (unsigned i = 0; i < 2; i++)
		if (read(ready[0], &byte, 1) != 1)
			return 1;
	close(go[1]);
	for (unsigned i = 0; i < 2; i++)
		if (exit_status(workers[i]) != CHILD_DONE)
			status = 1;
	return status;
}

static int print_isolated(void)
{
	plugin_print(
		plugin_of(dlmopen(LM_ID_NEWLM, run_beside("plugins/linked.so"), RTLD_NOW)));
	return 0;
}

static int play_namespace(void)
{
	return print_isolated();
}

/* The second runtime has heard of no fork. */
static int play_namespace_late(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(CHILD_DONE);
	return exit_status(pid) == CHILD_DONE ? print_isolated() : 1;
}

static const struct scenario scenarios[] = {
	{ "alone", play_alone },
	{ "workers", play_workers },
	{ "namespace", play_namespace },
	{ "namespace-late", play_namespace_late },
	{ NULL, NULL },
};

#define SHARED	"active 7 shared\n"
#define PRIVATE "inactive 7 private\n"

/* Play @scenario; it must print @out, and each of @said lines give @cause. */
static void test_linked(const char *claim, const char *scenario, bool preloaded,
	const char *out, unsigned said, const char *cause)
{
	static struct run r;

	r = (struct run){ .args = { run_self(), scenario }, .plain = !preloaded };
	run(&r);
	test(claim, run_explain(&r, run_succeeded(&r) && !strcmp(r.out, out) &&
					    run_said(&r) == said &&
					    run_lines(r.err, cause) == said));
}

static void test_plain(void)
{
	const char *cause = "after the process had forked";

	test_linked("without a preload: shared in a process that has not forked", "alone",
		false, SHARED, 0, cause);
	test_linked("private in each of two workers, each says so", "workers", false,
		PRIVATE PRIVATE, 2, cause);
}

static void test_preloaded(void)
{
	test_linked(
		"with the preload there is one runtime: shared", "alone", true, SHARED, 0, "");
	test_linked("and private in each of two workers, each says so", "workers", true,
		PRIVATE PRIVATE, 2, "after the process had forked");
}

static void test_namespaces(void)
{
	const char *cause = "namespace of its own (dlmopen)";

	test_linked("by dlmopen(), with a runtime of its own: private, and why", "namespace",
		true, PRIVATE, 1, cause);
	test_linked("and so after a fork", "namespace-late", true, PRIVATE, 1, cause);
	test_linked("and without a preload", "namespace", false, PRIVATE, 1, cause);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_plain();
	test_preloaded();
	test_namespaces();
	return tap_done();
}
