/* SPDX-License-Identifier: MIT */
/*
 * exported.c - a library with an annotated variable whose name others can take
 *
 * Built twice: its own code finds the variable through the GOT, or, with -DBY_POINTER,
 * through a pointer among the data and in no other way.
 */
#include <fondue/shared.h>

#include "exported.h"
#include "plugin.h"

FONDUE_SHARED volatile int exported_hits = PLUGIN_FRESH;

#ifdef BY_POINTER
/* volatile, or the compiler knows what it points to */
static volatile int *volatile pointer = &exported_hits;

volatile int *exported_at(void)
{
	return pointer;
}
#else
volatile int *exported_at(void)
{
	return &exported_hits;
}
#endif

int exported_active(void)
{
	return fondue_active();
}
