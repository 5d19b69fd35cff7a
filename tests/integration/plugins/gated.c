/* SPDX-License-Identifier: MIT */
/*
 * gated.c - an annotated plugin that is kept waiting before it tells the runtime
 */
#include <fondue/shared.h>

#include "gate.h"
#include "plugin.h"

FONDUE_SHARED static volatile int hits = PLUGIN_FRESH;

volatile int *plugin_hits(void)
{
	gate_need();
	return &hits;
}
