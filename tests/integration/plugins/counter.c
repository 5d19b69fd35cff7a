/* SPDX-License-Identifier: MIT */
/*
 * counter.c - the plainest annotated plugin: a counter, and a table without file contents
 *
 * Built under several names, since the loader has each file once.
 */
#include <fondue/shared.h>

#include "plugin.h"

FONDUE_SHARED static int hits = PLUGIN_FRESH;
FONDUE_SHARED_ZERO static int table[2048];
static int own; /* of each process */

volatile int *plugin_hits(void)
{
	return &hits;
}

volatile int *plugin_table(void)
{
	return table;
}

volatile int *plugin_own(void)
{
	return &own;
}

int plugin_active(void)
{
	return fondue_active();
}
