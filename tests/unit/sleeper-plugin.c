/* SPDX-License-Identifier: MIT */
/*
 * sleeper-plugin.c - an object that a sleeper loads when it runs already
 */
#include <time.h>

void plugin_outer(void);
void plugin_inner(void);

void plugin_inner(void)
{
	struct timespec time = { .tv_sec = 1000 };

	nanosleep(&time, NULL);
	__asm__ volatile("" ::: "memory");
}

void plugin_outer(void)
{
	plugin_inner();
	__asm__ volatile("" ::: "memory");
}
