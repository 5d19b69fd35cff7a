/* SPDX-License-Identifier: MIT */
/*
 * plugin.h - what the plugins of these tests may define
 *
 * Their functions are found with dlsym(): a program that named the variables themselves
 * would need to be linked with the plugin.
 */
#pragma once

/* Value of the counter when the plugin has just been loaded. */
#define PLUGIN_FRESH 7

volatile int *plugin_hits(void);  /* annotated */
volatile int *plugin_table(void); /* annotated; 2048 of them, all zero */
volatile int *plugin_own(void);	  /* not annotated */
int plugin_active(void);	  /* fondue_active() in the plugin */

int plugin_lost(void);			       /* of thread.c */
volatile int *plugin_inner_hits(void);	       /* of nested.c */
void *plugin_load(const char *name, int mode); /* of caller.c: dlopen() */
