/* SPDX-License-Identifier: MIT */
/*
 * Description: a plugin that uses the heap, in a program that does not
 *
 * Loaded before the first fork it brings the heap along, for all. Loaded later there can be none
 * that relatives know of: then each block is a mapping of its own, as it is without the
 * runtime, and that must work just so, but for what is asked about a heap.
 */
#define FONDUE_DISABLE /* what the plugin does is not to be done by us */

#include <dlfcn.h>

#include "heaping.h"
#include "run.h"

static struct plugin {
	void *(*allocate)(size_t);
	void (*release)(void *);
	void *(*again)(void *, size_t);
	void *(*aligned)(size_t, size_t);
	void *(*zeros)(size_t, size_t);
	size_t (*usable)(const void *);
	int (*stats)(struct fondue_heap_figures *);
} plugin;

static bool find(void *handle, const char *name, void *ret)
{
	*(void **)ret = handle ? dlsym(handle, name) : NULL;
	return *(void **)ret != NULL;
}

static bool load(void)
{
	void *handle = dlopen(run_beside("plugins/heap-plugin.so"), RTLD_NOW);

	return find(handle, "plugin_malloc", &plugin.allocate) &&
	       find(handle, "plugin_free", &plugin.release) &&
	       find(handle, "plugin_realloc", &plugin.again) &&
	       find(handle, "plugin_aligned_alloc", &plugin.aligned) &&
	       find(handle, "plugin_calloc", &plugin.zeros) &&
	       find(handle, "plugin_usable", &plugin.usable) &&
	       find(handle, "plugin_stats", &plugin.stats);
}

static int write_there(volatile int *block)
{
	*block = 2;
	_exit(CHILD_GOOD);
}

/* With a child that is forked when it is there. */
static bool shares(void)
{
	volatile int *block = plugin.allocate(100);
	pid_t pid;

	if (!block || (pid = fork()) < 0)
		return false;
	if (pid == 0)
		write_there(block);
	if (unit_wait(pid) != CHILD_GOOD || *block != 2)
		return false;
	plugin.release((void *)block);
	return true;
}

static int use(void)
{
	struct fondue_heap_figures now = { .size = sizeof(now) };
	char *block;

	must(load() && shares());
	must((block = plugin.allocate(0)));
	strcpy(block, "kept");
	must((block = plugin.again(block, 100000)) && !strcmp(block, "kept"));
	must(plugin.usable(block) >= 100000);
	must((block = plugin.again(block, 10)) && !strcmp(block, "kept"));
	plugin.release(block);
	for (size_t alignment = 1; alignment <= 4 * MIB; alignment *= 2) {
		must((block = plugin.aligned(alignment, 100)) && is_aligned_to(block, alignment));
		memset(block, 1, 100);
		plugin.release(block);
	}
	must((block = plugin.zeros(7, 50000)) && is_all(block, 0, 350000));
	plugin.release(block);
	must((block = plugin.again(NULL, 10)));
	plugin.release(block);
	errno = 0;
	must(!plugin.allocate(SIZE_MAX) && errno == ENOMEM);
	must(!plugin.zeros(SIZE_MAX, 2) && !plugin.allocate(PTRDIFF_MAX));
	printf("%s\n", plugin.stats(&now) == ENOSYS ? "mappings" : "a heap");
	fflush(stdout);
	return 0;
}

static int play_early(void)
{
	return use();
}

static int play_late(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(CHILD_GOOD);
	must(unit_wait(pid) == CHILD_GOOD);
	return use();
}

/* In the child of a program that has not used it. */
static int play_in_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(use() == 0 ? CHILD_GOOD : 1);
	return unit_wait(pid) == CHILD_GOOD ? 0 : 1;
}

/* Of the heap that a plugin has brought the other one has all. */
static int play_two(void)
{
	void *block;

	must(load() && (block = plugin.allocate(100)));
	must(dlopen(run_beside("plugins/heap-plugin-too.so"), RTLD_NOW));
	must(shares() && plugin.usable(block) >= 100);
	plugin.release(block);
	return use();
}

#define LATE "heap-plugin.so: no shared heap: it is loaded after a fork"

static const struct scenario scenarios[] = {
	{ "early", play_early },
	{ "late", play_late },
	{ "child", play_in_child },
	{ "two", play_two },
	{ NULL, NULL },
};

/* @said: what the runtime says, once; NULL: nothing. */
static void test_one(const char *claim, const char *scenario, bool plain, const char *out,
	const char *said)
{
	static struct run r;

	r = (struct run){ .args = { run_self(), scenario }, .plain = plain };
	run(&r);
	test(claim, run_explain(&r, run_succeeded(&r) && !strcmp(r.out, out) &&
					    run_said(&r) == (said ? 1 : 0) &&
					    (!said || run_lines(r.err, said) == 1)));
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_one("before the first fork it brings the heap", "early", false, "a heap\n", NULL);
	test_one("after it, mappings, which is said", "late", false, "mappings\n", LATE);
	test_one("in a child, likewise", "child", false, "mappings\n", LATE);
	test_one("a second one uses the first one's heap", "two", false, "a heap\n", NULL);
	test_one("without the runtime, mappings", "early", true, "mappings\n", NULL);
	test_one("without it, after a fork", "late", true, "mappings\n", NULL);
	return tap_done();
}
