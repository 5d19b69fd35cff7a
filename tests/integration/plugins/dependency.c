/* SPDX-License-Identifier: MIT */
/*
 * dependency.c - an annotated library that comes along with a plugin
 */
#include <fondue/shared.h>

#include "plugin.h"

FONDUE_SHARED static volatile int hits = PLUGIN_FRESH;

volatile int *dependency_hits(void);
volatile int *dependency_hits(void)
{
	return &hits;
}
