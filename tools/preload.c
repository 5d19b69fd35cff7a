/* SPDX-License-Identifier: MIT */
/*
 * preload.c - the library is found from the command's own place
 *
 * So a build tree works as it stands, and an installation that was moved as a whole goes
 * on working. The command's place is where its executable file really is; links to it
 * lead there. LD_PRELOAD separates names by spaces and colons and knows no way to quote
 * them, so a library below "/home/me/my projects" cannot be named. If the command was
 * called through a path without such characters (a link to the directory), that path is
 * used.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"
#include "preload.h"
#include "say.h"

#define LIBRARY "libfondue.so"
/* The loader also replaces $ORIGIN, $LIB and $PLATFORM in the names. */
#define NOT_IN_A_NAME " :$"

static const char *absolute(const char *path)
{
	char *directory = *path == '/' || !*path ? NULL : getcwd(NULL, 0);

	return directory ? memory_format("%s/%s", directory, path) : path;
}

/* Directory of the executable file: as it is, or as it was called. NULL: not known. */
static const char *own_directory(bool as_called)
{
	const char *called = (const char *)getauxval(AT_EXECFN);
	char path[PATH_MAX];
	ssize_t len = -1;

	if (!as_called)
		len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (len > 0) {
		path[len] = '\0';
		called = path;
	}
	if (!called || !strrchr(called, '/'))
		return NULL;
	return absolute(
		memory_format("%.*s", (int)(strrchr(called, '/') - called), called));
}

static bool is_file(const char *path)
{
	struct stat of;

	return stat(path, &of) == 0 && S_ISREG(of.st_mode);
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat of_a, of_b;

	return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
	       of_a.st_ino == of_b.st_ino;
}

/* Without "dir/..": what other programs will read in their environment. */
static const char *shortened(char *path)
{
	char *up, *before;

	while ((up = strstr(path, "/../"))) {
		*up = '\0';
		before = strrchr(path, '/');
		if (!before || !strcmp(before, "/..") || !strcmp(before, "/.")) {
			*up = '/';
			break;
		}
		memmove(before, up + 3, strlen(up + 3) + 1);
	}
	return path;
}

/* In a build tree, beside tools/; installed, where meson says; else as configured. */
static const char *find_library(const char *directory)
{
	const char *name = directory ? strrchr(directory, '/') : NULL;
	char *path;

	if (name && !strcmp(name, "/tools")) {
		path = memory_format("%s/../preload/" LIBRARY, directory);
		if (is_file(path))
			return shortened(path);
	}
	if (directory && *FONDUE_LIBDIR_FROM_BINDIR) {
		path = memory_format(
			"%s/" FONDUE_LIBDIR_FROM_BINDIR "/" LIBRARY, directory);
		if (is_file(path))
			return shortened(path);
	}
	return is_file(FONDUE_LIBDIR "/" LIBRARY) ? FONDUE_LIBDIR "/" LIBRARY : NULL;
}

static bool can_be_named(const char *path)
{
	return !strpbrk(path, NOT_IN_A_NAME);
}

static const char *otherwise_named(const char *library)
{
	const char *path = find_library(own_directory(true));

	return path && is_same_file(path, library) && can_be_named(path) ? path : NULL;
}

const char *preload_library(void)
{
	const char *directory = own_directory(false);
	const char *library = find_library(directory);
	const char *other;

	if (!library) {
		say("run: " LIBRARY " is neither in %s/" FONDUE_LIBDIR_FROM_BINDIR
		    " nor in " FONDUE_LIBDIR "; build or install it beside this command",
			directory ? directory : ".");
		return NULL;
	}
	if (can_be_named(library))
		return library;
	other = otherwise_named(library);
	if (other)
		return other;
	say("run: %s: LD_PRELOAD cannot name it, since its path holds a space, a colon or a "
	    "dollar sign; call this command through a symbolic link to its directory's parent "
	    "whose path has none, or link the program with -lfondue",
		library);
	return NULL;
}

void preload_append(const char *library)
{
	const char *before = getenv("LD_PRELOAD");
	char *copy = memory_copy(before ? before : "");
	bool is_there = false;

	for (char *rest = copy, *entry; (entry = strtok_r(rest, " :", &rest));)
		is_there |= strchr(entry, '/') && is_same_file(entry, library);
	free(copy);
	if (is_there)
		return;
	if (before && *before)
		library = memory_format("%s:%s", before, library);
	if (setenv("LD_PRELOAD", library, 1) == 0)
		return;
	say("out of memory");
	exit(memory_failure_status);
}

int preload_begins_with(const char *prefix)
{
	const char *entry = getenv("LD_PRELOAD");
	const char *name;

	if (!entry)
		return 0;
	entry += strspn(entry, " :");
	name = entry + strcspn(entry, " :");
	while (name > entry && name[-1] != '/')
		name--;
	return !strncmp(name, prefix, strlen(prefix));
}
