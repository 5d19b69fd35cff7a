/* SPDX-License-Identifier: MIT */
/*
 * caller.c - a library that loads plugins through its own search path
 *
 * Built with DT_RUNPATH and with DT_RPATH. The loader knows who calls dlopen() by the
 * return address, so a hook must not come between.
 */
#include <dlfcn.h>

#include "plugin.h"

void *plugin_load(const char *name, int mode)
{
	void *handle = dlopen(name, mode);

	/* not the last thing it does, or the program would be the caller */
	__asm__ volatile("" : : "r"(handle) : "memory");
	return handle;
}
