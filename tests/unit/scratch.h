/* SPDX-License-Identifier: MIT */
/*
 * scratch.h - a directory for the files of one test, gone when it ends
 */
#pragma once

#include <dirent.h>

#include "unit.h"

static char scratch[] = "/tmp/fondue-unit-XXXXXX";

/* Once, before children share the directory. */
static inline void scratch_make(void)
{
	if (!mkdtemp(scratch))
		tap_bail_out("no temporary directory");
}

/* A path in it, one of the last four asked for. */
static inline const char *scratch_path(const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", scratch, name);
	return path;
}

/* All of a file of that name; "" if there is none. */
static inline const char *scratch_read(const char *name)
{
	static char text[1 << 16];
	FILE *file = fopen(scratch_path(name), "r");
	size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[len] = '\0';
	return text;
}

static inline void scratch_remove(void)
{
	DIR *directory = opendir(scratch);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (*entry->d_name != '.')
			unlink(scratch_path(entry->d_name));
	if (directory)
		closedir(directory);
	rmdir(scratch);
}
