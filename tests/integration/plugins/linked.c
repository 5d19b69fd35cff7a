/* SPDX-License-Identifier: MIT */
/*
 * linked.c - part of a plugin that is linked with the runtime, and so brings it along
 *
 * Linkers like to drop a library that nobody refers to; so here somebody does.
 */
extern const char fondue_runtime[]; /* a table; nobody looks into it here */

const void *linked_with(void);
const void *linked_with(void)
{
	return fondue_runtime;
}
