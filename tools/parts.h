/* SPDX-License-Identifier: MIT */
/*
 * parts.h - the objects of a program, each with the names that are looked for in it
 */
#pragma once

#include "plan-names.h"

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
	const char *dangers; /* in their pages, see share-pages; or NULL */
};

struct parts {
	struct part **list; /* the program first */
	size_t count;
	bool has_libraries;
	const char *option; /* that names them, for messages */
	bool is_in_place;   /* nothing is to be moved */
};

/*
 * parts_find() - who has the variables of @list?
 * @parts: option and is_in_place set, else zeroed
 * @path: the program
 * @list: "NAME,NAME", each perhaps behind OBJECT:, see share.h
 *
 * Return: false when that of one is not clear, which has been said.
 */
bool parts_find(struct parts *parts, const char *path, const char *list);

/* Mark the variables that its names stand for. Return: false: complained of. */
bool part_choose(struct part *part);
