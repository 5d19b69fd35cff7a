/* SPDX-License-Identifier: MIT */
/*
 * needs.c - a plugin that is not annotated, but needs a library that is
 */
#include "plugin.h"

volatile int *dependency_hits(void);

volatile int *plugin_hits(void)
{
	return dependency_hits();
}
