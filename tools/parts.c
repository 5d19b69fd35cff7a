/* SPDX-License-Identifier: MIT */
/*
 * parts.c - from a name to the object that has it
 *
 * A name is looked for in the program, and if it is not there in the libraries that the loader
 * would load for it: one that several of them have is nobody's until it is said whose.
 */
#include <stdlib.h>
#include <string.h>

#include "libraries.h"
#include "memory.h"
#include "parts.h"
#include "say.h"

static struct part *add_part(struct parts *parts, const char *path)
{
	parts->list = memory_grow(parts->list, parts->count, sizeof(*parts->list));
	parts->list[parts->count] = memory_get(sizeof(**parts->list));
	parts->list[parts->count]->path = path;
	return parts->list[parts->count++];
}

static bool read_part(const struct parts *parts, struct part *part)
{
	if (part->is_read)
		return part->is_readable;
	part->is_read = true;
	part->why_not = object_open(&part->object, part->path);
	if (!part->why_not)
		part->why_not = parts->is_in_place ?
					bytes_read_in_place(&part->bytes, &part->object) :
					bytes_read(&part->bytes, &part->object);
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
	if (!read_part(parts, parts->list[0]) ||
		libraries_list(&parts->list[0]->object, &libraries))
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

		if (!read_part(parts, part) || !names_count(&part->symbols, name))
			continue;
		if (found) {
			say("run: %s=%s: both %s and %s have one; write OBJECT:%s",
				parts->option, name, say_base_name(found->path),
				say_base_name(part->path), name);
			return false;
		}
		found = part;
	}
	if (found)
		give(found, name);
	else
		say("run: %s=%s: neither %s nor its libraries have such a variable; "
		    "`nm -S` lists what there is, and OBJECT:%s is for another object",
			parts->option, name, say_base_name(parts->list[0]->path), name);
	return found != NULL;
}

static bool give_to_owner(struct parts *parts, const char *name)
{
	const char *rest;
	struct part *part = find_named(parts, name, &rest);
	bool is_named = part != NULL;

	if (!is_named)
		part = parts->list[0];
	if (!read_part(parts, part) && (is_named || part->why_not)) {
		say("run: %s=%s: %s: refused: %s", parts->option, name,
			say_base_name(part->path), part->why_not);
		return false;
	}
	if (is_named || names_count(&part->symbols, rest)) {
		give(part, rest);
		return true;
	}
	return give_to_library(parts, rest);
}

bool parts_find(struct parts *parts, const char *path, const char *list)
{
	char *rest = memory_copy(list), *name;

	if (!list[strspn(list, ",")]) {
		say("run: %s=%s: which variables? `nm -S` lists what there is", parts->option,
			list);
		return false;
	}
	add_part(parts, path);
	while ((name = strsep(&rest, ",")))
		if (*name && !give_to_owner(parts, name))
			return false;
	return true;
}

bool part_choose(struct part *part)
{
	struct complaints complaints = { 0 };

	for (size_t i = 0; i < part->name_count; i++)
		names_choose(&part->symbols, part->names[i], &complaints);
	for (size_t i = 0; i < complaints.count; i++)
		say("run: %s: refused: %s", say_base_name(part->path), complaints.list[i]);
	return !complaints.count;
}
