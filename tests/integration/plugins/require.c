/* SPDX-License-Identifier: MIT */
/*
 * require.c - a plugin that does not run with private variables
 */
#include <fondue/shared.h>

#include "plugin.h"

FONDUE_REQUIRE_RUNTIME;

FONDUE_SHARED static volatile int hits = PLUGIN_FRESH;

volatile int *plugin_hits(void)
{
	return &hits;
}

int plugin_active(void)
{
	return fondue_active();
}
