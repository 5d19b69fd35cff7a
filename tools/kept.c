/* SPDX-License-Identifier: MIT */
/*
 * kept.c - to make a plan takes a look at every instruction of an object
 *
 * So plans are kept, by the build-id of the object and the names, where only their user can
 * put any; what is there already was proved then, and the runtime looks at the object in memory
 * once more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fondue/shared.h>

#include "kept.h"
#include "memory.h"
#include "say.h"

/* Whoever may write to it may put a link to any file there, for us to write to. */
static bool is_own(const char *directory)
{
	struct stat link, status;

	return lstat(directory, &link) == 0 && link.st_uid == geteuid() &&
	       stat(directory, &status) == 0 && S_ISDIR(status.st_mode) &&
	       status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH));
}

/* Where plans are kept; made if it is not there. NULL: it cannot be. */
static const char *find_directory(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	const char *const below[] = { "", "/fondue", "/fondue/plans" };
	char *path = NULL;

	if (!cache || *cache != '/')
		cache = home && *home == '/' ? memory_format("%s/.cache", home) : NULL;
	for (size_t i = 0; cache && i < sizeof(below) / sizeof(below[0]); i++) {
		path = memory_format("%s%s", cache, below[i]);
		if ((mkdir(path, 0700) != 0 && errno != EEXIST) || (i > 0 && !is_own(path)))
			return NULL;
	}
	/* in FONDUE_PLAN a colon ends a name */
	return path && !strchr(path, ':') ? path : NULL;
}

const char *kept_directory(const char *option)
{
	const char *directory = find_directory();

	if (!directory)
		say("run: %s: there is no directory to keep plans in; set HOME or "
		    "XDG_CACHE_HOME to one where you, and nobody else, may write to fondue/plans, "
		    "without a colon in its name",
			option);
	return directory;
}

/* FNV-1a */
static uint64_t add_to_hash(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3;
	while (*text++);
	return hash;
}

char *kept_path(const struct part *part, const char *directory, const char *proof)
{
	uint64_t hash = add_to_hash(0xcbf29ce484222325, FONDUE_VERSION_STRING);
	char *path = memory_format("%s/", directory);

	hash = add_to_hash(hash, proof);
	for (size_t i = 0; i < part->name_count; i++)
		hash = add_to_hash(hash, part->names[i]);
	for (uint32_t i = 0; i < part->bytes.id_size; i++)
		path = memory_format("%s%02x", path, part->bytes.id[i]);
	return memory_format("%s-%016" PRIx64 ".plan", path, hash);
}

bool kept_is_there(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISREG(status.st_mode) &&
	       status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH));
}

/* It would be written to, not replaced. */
void kept_clear(const char *path)
{
	struct stat status;

	if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
		(void)unlink(path);
}

bool kept_announce(const char *path)
{
	const char *before = getenv("FONDUE_PLAN");

	if (before && *before)
		path = memory_format("%s:%s", before, path);
	if (setenv("FONDUE_PLAN", path, 1) == 0)
		return true;
	say("run: out of memory");
	return false;
}
