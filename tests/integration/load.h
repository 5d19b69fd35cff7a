/* SPDX-License-Identifier: MIT */
/*
 * load.h - a plugin and its functions, as a host gets them
 */
#pragma once

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugins/plugin.h"
#include "run.h"
#include "sharing.h"

struct plugin {
	void *handle;
	volatile int *(*hits)(void);
	volatile int *(*own)(void);
	int (*active)(void);
};

/* The function @name of @handle, or NULL. */
static inline void *plugin_function(void *handle, const char *name)
{
	return handle ? dlsym(handle, name) : NULL;
}

static inline struct plugin plugin_of(void *handle)
{
	struct plugin plugin = {.handle = handle};

	*(void **)&plugin.hits = plugin_function(handle, "plugin_hits");
	*(void **)&plugin.own = plugin_function(handle, "plugin_own");
	*(void **)&plugin.active = plugin_function(handle, "plugin_active");
	return plugin;
}

/* Load plugins/@name by its path, which must be possible. */
static inline struct plugin plugin_open(const char *name)
{
	char path[256];
	void *handle;

	snprintf(path, sizeof(path), "plugins/%s", name);
	handle = dlopen(run_beside(path), RTLD_NOW);
	if (!handle) {
		printf("%s\n", dlerror());
		exit(1);
	}
	return plugin_of(handle);
}

/*
 * plugin_print() - one line: fondue_active(), the counter, and whether it is shared
 *
 * Asks by forking, which ends the time when further plugins can be shared.
 */
static inline void plugin_print(struct plugin plugin)
{
	const char *active, *sharing;
	int value;

	if (!plugin.handle) {
		printf("not loaded: %s\n", dlerror());
		return;
	}
	active = !plugin.active ? "-" : plugin.active() ? "active" : "inactive";
	value = *plugin.hits();
	sharing = sharing_of(plugin.hits());
	printf("%s %d %s\n", active, value, sharing);
	fflush(stdout);
}

/* Without fondue_active(), which may come late for a plugin found by its caller's path.
 */
static inline void plugin_print_sharing(struct plugin plugin)
{
	plugin.active = NULL;
	plugin_print(plugin);
}

/* What a scenario is expected to print and the runtime to say; see play_expected(). */
struct expectation {
	const char *claim;
	const char *scenario;
	const char *out;
	unsigned said;	   /* lines of the runtime */
	const char *env;   /* "NAME=value" or NULL */
	const char *plain; /* without the preload; NULL: not run without */
};

static inline bool plugin_run_(struct run *r, const struct expectation *e, bool plain)
{
	*r = (struct run){
		.args = {run_self(), e->scenario}, .env = {e->env}, .plain = plain};
	run(r);
	return run_explain(r, run_succeeded(r) &&
				      !strcmp(r->out, plain ? e->plain : e->out) &&
				      run_said(r) == (plain ? 0 : e->said));
}

/* Test that each scenario goes as expected, without the preload too where that is told.
 */
static inline void test_expected(const struct expectation *expected)
{
	static struct run r;

	for (; expected->claim; expected++) {
		bool good = plugin_run_(&r, expected, false);

		if (good && expected->plain)
			good = plugin_run_(&r, expected, true);
		test(expected->claim, good);
	}
}
