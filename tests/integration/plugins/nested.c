/* SPDX-License-Identifier: MIT */
/*
 * nested.c - an annotated plugin whose constructor loads another one, and uses it
 *
 * Which one is in the environment: PLUGIN_NESTED, a path.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include <fondue/shared.h>

#include "plugin.h"

FONDUE_SHARED static volatile int hits = PLUGIN_FRESH;
static volatile int *(*inner)(void);

__attribute__((constructor)) static void start(void)
{
	void *handle = dlopen(getenv("PLUGIN_NESTED"), RTLD_NOW);

	if (!handle)
		return;
	*(void **)&inner = dlsym(handle, "plugin_hits");
	(*inner())++;
	hits++;
}

volatile int *plugin_hits(void)
{
	return &hits;
}

volatile int *plugin_inner_hits(void)
{
	return inner();
}

int plugin_active(void)
{
	return fondue_active();
}
