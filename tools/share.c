/* SPDX-License-Identifier: MIT */
/*
 * share.c - from names on a command line to plans for the runtime
 *
 * A name is looked for in the program, and if it is not there in the libraries that the loader
 * would load for it: one that several of them have is nobody's until it is said whose. To make
 * a plan takes a look at every instruction of an object, so plans are kept, by the build-id of
 * the object and the names, where only their user can put any; what is there already was
 * proved then, and the runtime looks at the object in memory once more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fondue/shared.h>

#include "libraries.h"
#include "memory.h"
#include "plan-names.h"
#include "plan-show.h"
#include "say.h"
#include "share.h"

/* An object in which names have been looked for. */
struct part {
	const char *path;
	bool is_read, is_readable;
	const char *why_not;
	struct object object;
	struct bytes bytes;
	struct symbols symbols;
	const char **names; /* those that are its own */
	size_t name_count;
};

struct parts {
	struct part **list; /* the program first */
	size_t count;
	bool has_libraries;
};

static struct part *add_part(struct parts *parts, const char *path)
{
	parts->list = memory_grow(parts->list, parts->count, sizeof(*parts->list));
	parts->list[parts->count] = memory_get(sizeof(**parts->list));
	parts->list[parts->count]->path = path;
	return parts->list[parts->count++];
}

static bool read_part(struct part *part)
{
	if (part->is_read)
		return part->is_readable;
	part->is_read = true;
	part->why_not = object_open(&part->object, part->path);
	if (!part->why_not)
		part->why_not = bytes_read(&part->bytes, &part->object);
	if (!part->why_not)
		part->why_not = symbols_read(&part->symbols, &part->bytes, NULL);
	part->is_readable = !part->why_not;
	return part->is_readable;
}

/* Libraries of which nobody could share anything: libc and the loader have run before us. */
static bool has_run_before(const char *path)
{
	static const char *const names[] = { "libc.so.", "libc.musl", "ld-", "libfondue.so",
		"linux-vdso", "libpthread.so.", "libdl.so.", "librt.so." };
	const char *name = say_base_name(path);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	return false;
}

static void add_libraries(struct parts *parts)
{
	struct libraries libraries;

	if (parts->has_libraries)
		return;
	parts->has_libraries = true;
	if (!read_part(parts->list[0]) || libraries_list(&parts->list[0]->object, &libraries))
		return;
	for (size_t i = 0; i < libraries.count; i++)
		if (!has_run_before(libraries.paths[i]))
			add_part(parts, libraries.paths[i]);
}

/* The object that stands before the colon, if any does: FILE.c:NAME has none. */
static struct part *find_named(struct parts *parts, const char *name, const char **ret_rest)
{
	const char *colon = strchr(name, ':');
	char *object = memory_copy(name);

	*ret_rest = name;
	if (!colon)
		return NULL;
	object[colon - name] = '\0';
	if (strchr(object, '/')) {
		*ret_rest = colon + 1;
		for (size_t i = 0; i < parts->count; i++)
			if (!strcmp(parts->list[i]->path, object))
				return parts->list[i];
		return add_part(parts, object);
	}
	add_libraries(parts);
	for (size_t i = 0; i < parts->count; i++)
		if (!strcmp(say_base_name(parts->list[i]->path), object)) {
			*ret_rest = colon + 1;
			return parts->list[i];
		}
	return NULL;
}

static void give(struct part *part, const char *name)
{
	part->names = memory_grow(part->names, part->name_count, sizeof(*part->names));
	part->names[part->name_count++] = name;
}

static bool give_to_library(struct parts *parts, const char *name)
{
	struct part *found = NULL;

	add_libraries(parts);
	for (size_t i = 1; i < parts->count; i++) {
		struct part *part = parts->list[i];

		if (!read_part(part) || !names_count(&part->symbols, name))
			continue;
		if (found) {
			say("run: --share=%s: both %s and %s have one; write OBJECT:%s", name,
				say_base_name(found->path), say_base_name(part->path), name);
			return false;
		}
		found = part;
	}
	if (found)
		give(found, name);
	else
		say("run: --share=%s: neither %s nor its libraries have such a variable; "
		    "`nm -S` lists what there is, and OBJECT:%s is for another object",
			name, say_base_name(parts->list[0]->path), name);
	return found != NULL;
}

static bool give_to_owner(struct parts *parts, const char *name)
{
	const char *rest;
	struct part *part = find_named(parts, name, &rest);
	bool is_named = part != NULL;

	if (!is_named)
		part = parts->list[0];
	if (!read_part(part) && (is_named || part->why_not)) {
		say("run: --share=%s: %s: refused: %s", name, say_base_name(part->path),
			part->why_not);
		return false;
	}
	if (is_named || names_count(&part->symbols, rest)) {
		give(part, rest);
		return true;
	}
	return give_to_library(parts, rest);
}

/* Whoever may write to it may put a link to any file there, for us to write to. */
static bool is_own(const char *directory)
{
	struct stat link, status;

	return lstat(directory, &link) == 0 && link.st_uid == geteuid() &&
	       stat(directory, &status) == 0 && S_ISDIR(status.st_mode) &&
	       status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH));
}

/* Where plans are kept; made if it is not there. NULL: it cannot be. */
static const char *plan_directory(void)
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

/* FNV-1a */
static uint64_t add_to_hash(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3;
	while (*text++);
	return hash;
}

/* Raised whenever less is taken for proved than before: older plans are of no use then. */
#define PROOF_REVISION "2"

static char *plan_path(const struct part *part, const char *directory)
{
	uint64_t hash = add_to_hash(0xcbf29ce484222325, FONDUE_VERSION_STRING " " PROOF_REVISION);
	char *path = memory_format("%s/", directory);

	for (size_t i = 0; i < part->name_count; i++)
		hash = add_to_hash(hash, part->names[i]);
	for (uint32_t i = 0; i < part->bytes.id_size; i++)
		path = memory_format("%s%02x", path, part->bytes.id[i]);
	return memory_format("%s-%016" PRIx64 ".plan", path, hash);
}

/* The runtime asks the same before it carries it out. */
static bool is_kept(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISREG(status.st_mode) &&
	       status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH));
}

/* What is no plan does not stay: it would be written to, not replaced. */
static void clear(const char *path)
{
	struct stat status;

	if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
		(void)unlink(path);
}

static bool choose(struct part *part)
{
	struct complaints complaints = { 0 };

	for (size_t i = 0; i < part->name_count; i++)
		names_choose(&part->symbols, part->names[i], &complaints);
	for (size_t i = 0; i < complaints.count; i++)
		say("run: %s: refused: %s", say_base_name(part->path), complaints.list[i]);
	return !complaints.count;
}

static bool make_plan(struct part *part, const char *path)
{
	struct places places = { .bytes = &part->bytes, .symbols = &part->symbols };
	struct result result;
	const char *why;

	if (!choose(part))
		return false;
	result_make(&result, &places);
	if (places.refusal_count) {
		show_plan_refusals(&places);
		return false;
	}
	clear(path);
	why = result_write(&result, path);
	if (why)
		say("run: %s: %s; no plan is written", path, why);
	return !why;
}

static bool add_plan(const char *path)
{
	const char *before = getenv("FONDUE_PLAN");

	if (before && *before)
		path = memory_format("%s:%s", before, path);
	if (setenv("FONDUE_PLAN", path, 1) == 0)
		return true;
	say("run: out of memory");
	return false;
}

static bool share_part(struct part *part, const char *directory)
{
	char *path;

	if (!part->name_count)
		return true;
	path = plan_path(part, directory);
	return (is_kept(path) || make_plan(part, path)) && add_plan(path);
}

bool share_names(const char *path, const char *list)
{
	const char *directory = plan_directory();
	struct parts parts = { 0 };
	char *rest = memory_copy(list), *name;

	if (!directory) {
		say("run: --share: there is no directory to keep plans in; set HOME or "
		    "XDG_CACHE_HOME to one where you, and nobody else, may write to fondue/plans, "
		    "without a colon in its name");
		return false;
	}
	if (!list[strspn(list, ",")]) {
		say("run: --share=%s: which variables? `nm -S` lists what there is", list);
		return false;
	}
	add_part(&parts, path);
	while ((name = strsep(&rest, ",")))
		if (*name && !give_to_owner(&parts, name))
			return false;
	for (size_t i = 0; i < parts.count; i++)
		if (!share_part(parts.list[i], directory))
			return false;
	return true;
}
