/* SPDX-License-Identifier: MIT */
/*
 * opener.c - a program that finds its plugins through its own DT_RUNPATH or DT_RPATH
 *
 * Loads the plugin named on its command line, or by its constructor if so built, and says
 * whether it was found and is shared.
 */
#include <dlfcn.h>
#include <stdio.h>

#include "sharing.h"

static void *handle;

#ifdef FROM_CONSTRUCTOR
__attribute__((constructor)) static void load(int argc, char **argv)
#else
static void load(int argc, char **argv)
#endif
{
	handle = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
}

int main(int argc, char **argv)
{
	volatile int *(*hits)(void);

	if (!handle)
		load(argc, argv);
	if (!handle) {
		printf("%s\n", dlerror());
		return 1;
	}
	*(void **)&hits = dlsym(handle, "plugin_hits");
	printf("%d ", *hits());
	printf("%s\n", sharing_of(hits()));
	return 0;
}
