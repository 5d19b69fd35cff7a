/* SPDX-License-Identifier: MIT */
/*
 * Description: dlopen() and fork() at the same time, from many threads
 *
 * The runtime looks at every new object under the loader's lock and makes its pages
 * shared under a lock of its own, which a fork takes too. That must never dead-lock, no
 * plugin may claim to be shared that is not, and no thread may lose what it writes to
 * one. (A child forked while a thread is inside dlopen() cannot count on dlopen() itself:
 * glibc's lock may be held for ever there, whatever is preloaded.)
 */
#include <pthread.h>
#include <stdatomic.h>

#include <fondue/shared.h>

#include "load.h"

#define THREADS 4

#ifdef __GLIBC__
#define NEVER_UNLOADS 0
#else
#define NEVER_UNLOADS 1 /* musl: what was loaded before the first fork stays shared */
#endif

FONDUE_SHARED static volatile int word = 1;

static void start(pthread_t *thread, void *(*run_it)(void *), void *arg)
{
	if (pthread_create(thread, NULL, run_it, arg) != 0)
		exit(1);
}

/* Is the plugin shared exactly when it says so? Counts those that are not in @arg. */
static bool is_honest(struct plugin plugin, atomic_uint *private_ones)
{
	int active = plugin.active();
	const char *sharing = sharing_of(plugin.hits());

	if (!active)
		atomic_fetch_add(private_ones, 1);
	return !strcmp(sharing, active ? "shared" : "private");
}

static atomic_uint private_ones, dishonest;

/* Load, look, fork, unload; @arg is the name. */
static void *load_and_fork(void *arg)
{
	for (int i = 0; i < 25; i++) {
		struct plugin plugin = plugin_open(arg);

		if (!is_honest(plugin, &private_ones))
			atomic_fetch_add(&dishonest, 1);
		dlclose(plugin.handle);
	}
	return NULL;
}

static int play_storm(void)
{
	static char names[THREADS][16];
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		snprintf(names[i], sizeof(names[i]), "spare-%d.so", i);
		start(&threads[i], load_and_fork, names[i]);
	}
	load_and_fork("counter.so");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%u dishonest\n%u private\n", dishonest, private_ones);
	return 0;
}

static pthread_barrier_t barrier;

#define LOADERS 4
#define LOADS	10
#define COUNTS	1000

/*
 * All threads load the same plugin at once; whoever has it counts at once. Once loaded it
 * stays in musl, so that only the first round tells; hence several runs.
 */
static void *load_together(void *unused)
{
	for (int i = 1; i <= LOADS; i++) {
		struct plugin plugin;
		int before;

		pthread_barrier_wait(&barrier);
		plugin = plugin_open("counter.so");
		for (int n = 0; n < COUNTS; n++)
			__atomic_fetch_add(plugin.hits(), 1, __ATOMIC_RELAXED);
		pthread_barrier_wait(&barrier);
		before = *plugin.own(); /* not shared, but of the plugin */
		if (*plugin.hits() != PLUGIN_FRESH + before + LOADERS * COUNTS ||
			!plugin.active())
			atomic_fetch_add(&dishonest, 1);
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			*plugin.own() += LOADERS * COUNTS;
		pthread_barrier_wait(&barrier);
		dlclose(plugin.handle);
	}
	return unused;
}

static int play_together(void)
{
	pthread_t threads[LOADERS];

	pthread_barrier_init(&barrier, NULL, LOADERS);
	for (int i = 0; i < LOADERS; i++)
		start(&threads[i], load_together, NULL);
	for (int i = 0; i < LOADERS; i++)
		pthread_join(threads[i], NULL);
	printf("%u\n", dishonest);
	return 0;
}

#ifdef __GLIBC__ /* musl has no search path of a caller */
static void *wait_for_stop(void *arg)
{
	char byte;

	return read(*(int *)arg, &byte, 1) ? NULL : arg;
}

/*
 * Found through its caller's path, so unseen, and then with a thread about: shared or
 * said.
 */
static int play_unseen(void)
{
	void *(*load)(const char *, int);
	struct plugin plugin;
	pthread_t thread;
	void *caller;
	int ends[2];

	caller = dlopen(run_beside("plugins/caller-runpath.so"), RTLD_NOW);
	*(void **)&load = plugin_function(caller, "plugin_load");
	if (!load || pipe(ends) < 0)
		return 1;
	start(&thread, wait_for_stop, &ends[0]);
	plugin = plugin_of(load("counter.so", RTLD_NOW));
	printf("%s\n", sharing_of(plugin.hits()));
	close(ends[1]);
	pthread_join(thread, NULL);
	return 0;
}
#endif

static const struct scenario scenarios[] = {
	{"storm", play_storm},
	{"together", play_together},
#ifdef __GLIBC__
	{"unseen", play_unseen},
#endif
	{NULL, NULL},
};

static struct run r;

static void test_storm(void)
{
	unsigned private_lines = 0;
	const char *at;

	r = (struct run){.args = {run_self(), "storm"}};
	run(&r);
	at = strchr(r.out, '\n');
	test("five threads load, fork and unload: no hang, and each plugin is what it "
	     "says",
		run_explain(
			&r, run_succeeded(&r) && !strncmp(r.out, "0 dishonest\n", 12)));
	test("what stays private is said, and not more often than it happens",
		run_explain(&r, at && sscanf(at, "%u", &private_lines) == 1 &&
					(private_lines || NEVER_UNLOADS) &&
					!private_lines == !run_said(&r) &&
					run_said(&r) <= private_lines));
}

static void test_together(void)
{
	bool good = true;

	for (int i = 0; good && i < 20; i++) {
		r = (struct run){.args = {run_self(), "together"}};
		run(&r);
		good = run_explain(
			&r, run_succeeded(&r) && !strcmp(r.out, "0\n") && !*r.err);
	}
	test("threads that load one plugin at once all have it shared, and lose no "
	     "increment",
		good);
}

#ifdef __GLIBC__
static void test_unseen(void)
{
	r = (struct run){.args = {run_self(), "unseen"}};
	run(&r);
	test("a plugin found by its caller's path among threads is shared, or private "
	     "and said",
		run_explain(
			&r, run_succeeded(&r) &&
				    ((!strcmp(r.out, "shared\n") && run_said(&r) == 0) ||
					    (!strcmp(r.out, "private\n") &&
						    run_said(&r) == 1))));
}
#endif

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_storm();
	test_together();
#ifdef __GLIBC__
	test_unseen();
#endif
	return tap_done();
}
