/* SPDX-License-Identifier: MIT */
/*
 * edition.c - the same path may be another build today, or on another machine
 *
 * What a report says of addresses holds for one build. Build-ids tell builds apart: a file
 * counts if its own is that of the report, wherever it is found. Then it does not matter
 * where one looks first, nor whether it is the file itself or the one that its debug
 * information was moved to: symbols and lines are the same. Where the report has no
 * build-id a file is taken only if it has none either, and what it says is not verified.
 *
 * It is looked for at its path, below --sysroot first; then by its build-id in the
 * directories for debug information, and if that is wished at debuginfod's servers. The
 * debug information of a file that was found is libdwfl's business (see `debuginfo`).
 */
#include <ctype.h>
#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edition.h"
#include "memory.h"

/* Each keeps its files open. */
#define EDITIONS_MAX 200
/* A hash is never longer. */
#define BUILD_ID_MAX 64

#define CURE "give --debug-dir or --sysroot, or --debuginfod"

static const struct edition_places *places;
static struct edition **editions;
static size_t edition_count;

/* As dwfl_standard_find_debuginfo() wants it: beside the file, then in the directories. */
void edition_look_in(const struct edition_places *where)
{
	char *path = memory_copy(":.debug");

	places = where;
	for (size_t i = 0; i < places->debug_dir_count; i++)
		path = memory_format("%s:%s", path, places->debug_dirs[i]);
	if (places->sysroot)
		path = memory_format("%s:%s/usr/lib/debug", path, places->sysroot);
	debuginfo_search(memory_format("%s:/usr/lib/debug", path), places->asks_network);
}

/* In small letters; NULL: it is none. */
static const char *cleaned_build_id(const char *text)
{
	size_t length = text ? strlen(text) : 0;
	char *ret;

	if (length < 4 || length % 2 || length > 2 * BUILD_ID_MAX ||
		strspn(text, "0123456789abcdefABCDEF") != length)
		return NULL;
	ret = memory_copy(text);
	for (char *c = ret; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return ret;
}

/* "" when the file has none. */
static const char *build_id_of(const struct object *object)
{
	const void *bytes;
	ssize_t size = dwelf_elf_gnu_build_id(object->elf, &bytes);
	char *text = memory_get(2 * BUILD_ID_MAX + 1);

	if (size > BUILD_ID_MAX)
		size = 0;
	for (ssize_t i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", ((const unsigned char *)bytes)[i]);
	return text;
}

static const char *why_not(const struct edition *edition, const struct object *object)
{
	const char *found = build_id_of(object);

	if (edition->build_id && strcmp(found, edition->build_id) != 0)
		return "the file here is another build; " CURE;
	if (!edition->build_id && *found)
		return "the report has no build-id of it, so it may be another build than the "
		       "file here, which has one";
	return NULL;
}

/* Absence is the least of the reasons why it is not used. */
static bool try_file(struct edition *edition, const char *path)
{
	const char *why;

	if (access(path, F_OK) != 0)
		return false;
	why = object_open(&edition->object, path);
	if (why) {
		edition->why = memory_format("the file here cannot be used: %s; " CURE, why);
		return false;
	}
	why = why_not(edition, &edition->object);
	if (!why)
		return true;
	edition->why = why;
	object_close(&edition->object);
	return false;
}

static bool try_path(struct edition *edition, const char *path)
{
	return (places->sysroot &&
		       try_file(edition, memory_format("%s%s", places->sysroot, path))) ||
	       try_file(edition, path);
}

/* A report may say of a file that it was deleted; another may be there by now. */
static bool try_paths(struct edition *edition)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(edition->path), tail = sizeof(deleted) - 1;

	if (try_path(edition, edition->path))
		return true;
	if (length <= tail || strcmp(edition->path + length - tail, deleted) != 0)
		return false;
	return try_path(edition, memory_format("%.*s", (int)(length - tail), edition->path));
}

static bool try_build_id(struct edition *edition, const char *directory)
{
	return try_file(edition, memory_format("%s/.build-id/%.2s/%s.debug", directory,
					 edition->build_id, edition->build_id + 2));
}

static bool try_build_ids(struct edition *edition)
{
	for (size_t i = 0; i < places->debug_dir_count; i++)
		if (try_build_id(edition, places->debug_dirs[i]))
			return true;
	return (places->sysroot && try_build_id(edition, memory_format("%s/usr/lib/debug",
								 places->sysroot))) ||
	       try_build_id(edition, "/usr/lib/debug");
}

/* libdwfl asks for debug information; of a file that is missing altogether we do. */
static bool try_network(struct edition *edition)
{
	void *library = places->asks_network ? dlopen("libdebuginfod.so.1", RTLD_NOW) : NULL;
	void *(*begin)(void);
	int (*find)(void *client, const char *build_id, int length, char **ret_path);
	void *client;
	char *path;
	int fd;

	if (!library)
		return false;
	*(void **)&begin = dlsym(library, "debuginfod_begin");
	*(void **)&find = dlsym(library, "debuginfod_find_debuginfo");
	client = begin && find ? begin() : NULL;
	if (!client)
		return false;
	fd = find(client, edition->build_id, 0, &path);
	if (fd < 0)
		return false;
	close(fd);
	return try_file(edition, path);
}

static bool find(struct edition *edition)
{
	return try_paths(edition) ||
	       (edition->build_id && (try_build_ids(edition) || try_network(edition)));
}

static bool has_lines(const struct edition *edition)
{
	GElf_Addr bias;

	return edition->debuginfo.module &&
	       dwfl_module_getdwarf(edition->debuginfo.module, &bias);
}

static struct edition *open_edition(const char *path, const char *build_id)
{
	struct edition *edition = memory_get(sizeof(*edition));

	edition->path = memory_copy(path);
	edition->build_id = build_id;
	edition->why = "not here; " CURE;
	if (edition_count == EDITIONS_MAX) {
		edition->why = "too many files for one look; give the reports in parts";
		return edition;
	}
	if (!find(edition))
		return edition;
	edition->is_usable = true;
	edition->is_verified = build_id != NULL;
	debuginfo_open(&edition->debuginfo, &edition->object);
	naming_open(&edition->naming, &edition->debuginfo);
	edition->why = has_lines(edition) ? NULL :
					    "no debug information, so no lines; install it, or "
					    "give --debug-dir or --debuginfod";
	return edition;
}

static bool is_it(const struct edition *edition, const char *path, const char *build_id)
{
	if (strcmp(edition->path, path) != 0 || !edition->build_id != !build_id)
		return false;
	return !build_id || !strcmp(edition->build_id, build_id);
}

const struct edition *edition_get(const char *path, const char *text)
{
	const char *build_id = cleaned_build_id(text);
	struct edition *edition;

	for (size_t i = 0; i < edition_count; i++)
		if (is_it(editions[i], path, build_id))
			return editions[i];
	edition = open_edition(path, build_id);
	if (edition_count == EDITIONS_MAX)
		return edition;
	editions = memory_grow(editions, edition_count, sizeof(*editions));
	editions[edition_count++] = edition;
	return edition;
}
