/* SPDX-License-Identifier: MIT */
/*
 * mappings.h - which file is mapped where in a process, as the kernel tells it
 *
 * Of this process or any other that may be read: of one that loaded its plugins after it had
 * been forked, too, which no loader in our own process knows of.
 */
#pragma once

#include "base.h"

struct mapping {
	uintptr_t start, end;
	uint64_t offset; /* of its first byte in the file */
	uint64_t inode;
	uint32_t path; /* see mappings_path() */
	bool readable, writable, executable;
	bool deleted; /* the file has no name any more, or another file has it */
};

/* A browser has some 2,000 of files; what is beyond is not known, and stays unnamed. */
#define MAPPINGS_MAX	  3072
#define MAPPINGS_TEXT_MAX (192 * 1024)

/* Large: to be put into memory that is touched only as far as it is filled. */
struct mappings {
	unsigned count;
	size_t used; /* of the text */
	struct mapping entries[MAPPINGS_MAX];
	char text[MAPPINGS_TEXT_MAX];
};

/*
 * mappings_read() - the mappings of process @pid: of files, and of whatever is executable
 *
 * The path of code without a file is "", of the kernel's own "[vdso]".
 *
 * Return: 0, or negative: -ENOENT or -ESRCH when there is no such process, -EACCES when it
 * may not be looked at.
 */
int mappings_read(struct mappings *maps, pid_t pid);

/* The one that @address lies in, or NULL. */
const struct mapping *mappings_find(const struct mappings *maps, uintptr_t address);

/* The last that begins at @address or before, NULL: none does. It need not reach so far. */
const struct mapping *mappings_below(const struct mappings *maps, uintptr_t address);

/* Its path, without the kernel's remark that it is deleted. */
static inline const char *mappings_path(
	const struct mappings *maps, const struct mapping *mapping)
{
	return maps->text + mapping->path;
}

/* The first mapping of the same object, which holds its ELF header; NULL if none does. */
const struct mapping *mappings_head(
	const struct mappings *maps, const struct mapping *mapping);

/*
 * mappings_around() - the bounds of whatever is mapped at @address in this process, a stack
 * for one
 *
 * Return: false when nothing readable is, or the kernel does not tell.
 */
bool mappings_around(uintptr_t address, uintptr_t *ret_start, uintptr_t *ret_end);
