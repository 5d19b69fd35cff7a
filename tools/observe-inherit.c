/* SPDX-License-Identifier: MIT */
/*
 * observe-inherit.c - descriptors and environment, as they were before we began
 *
 * A program that is run a second time finds a process that has changed: libdwfl has files
 * with debug information open, and does not mark them to be closed by exec; and so that
 * nobody in the network is asked for such files, a variable has been removed. Descriptors
 * that others have given to us for the program, whatever their numbers, are to reach it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>

#include "memory.h"
#include "observe-inherit.h"

#define URLS "DEBUGINFOD_URLS" /* see debuginfo_open() */

static bool is_noted;
static int *descriptors;
static size_t count;
static char *urls;

static void visit_descriptors(void (*visit)(int descriptor))
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (*entry->d_name != '.' && atoi(entry->d_name) != dirfd(directory))
			visit(atoi(entry->d_name));
	if (directory)
		closedir(directory);
}

static void note(int descriptor)
{
	descriptors = memory_grow(descriptors, count, sizeof(*descriptors));
	descriptors[count++] = descriptor;
}

void inherit_note(void)
{
	if (is_noted)
		return;
	is_noted = true;
	visit_descriptors(note);
	if (getenv(URLS))
		urls = memory_copy(getenv(URLS));
}

static void close_ours(int descriptor)
{
	for (size_t i = 0; i < count; i++)
		if (descriptors[i] == descriptor)
			return;
	fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

void inherit_restore(void)
{
	visit_descriptors(close_ours);
	if (urls)
		setenv(URLS, urls, 1);
}
