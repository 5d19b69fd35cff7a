/* SPDX-License-Identifier: MIT */
/*
 * maps.c - reading it, by lines
 *
 *	55e0c067b000-55e0c067c000 rw-s 00000000 00:01 370033      /dev/zero (deleted)
 *
 * Memory that is shared and has no file still has an inode, of a file system that is
 * mounted nowhere: two mappings show the same memory if device, inode and offset agree.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "maps.h"
#include "memory.h"

/* A number in @base, and behind it the character @end. */
static bool number(const char **at, int base, char end, uint64_t *ret)
{
	char *behind;

	*ret = strtoull(*at, &behind, base);
	if (behind == *at || *behind != end)
		return false;
	*at = behind + 1;
	return true;
}

/* By hand: whoever follows a family through its forks reads it again and again. */
static bool parse(const char *line, struct mapping *mapping)
{
	uint64_t major, minor;

	*mapping = (struct mapping){ 0 };
	if (!number(&line, 16, '-', &mapping->start) ||
		!number(&line, 16, ' ', &mapping->end) || strcspn(line, " ") != 4)
		return false;
	mapping->is_writable = line[1] == 'w';
	mapping->is_executable = line[2] == 'x';
	mapping->is_shared = line[3] == 's';
	line += 5;
	if (!number(&line, 16, ' ', &mapping->offset) || !number(&line, 16, ':', &major) ||
		!number(&line, 16, ' ', &minor) || !number(&line, 10, ' ', &mapping->inode))
		return false;
	mapping->device = makedev((unsigned)major, (unsigned)minor);
	mapping->path = memory_copy(line + strspn(line, " "));
	return true;
}

/* The kernel writes a line feed in a name as \012, and nothing else so. */
static void unescape(char *path)
{
	for (char *at = path; (at = strstr(at, "\\012")) != NULL; at++) {
		*at = '\n';
		memmove(at + 1, at + 4, strlen(at + 4) + 1);
	}
}

int maps_read(struct maps *maps, pid_t tid)
{
	static char buffer[32768];
	char name[64], *line = NULL;
	struct mapping mapping;
	size_t size = 0;
	ssize_t len;
	FILE *file;

	*maps = (struct maps){ 0 };
	snprintf(name, sizeof(name), "/proc/%d/maps", tid);
	file = fopen(name, "re");
	if (!file)
		return errno;
	/* a small process fits into one read; stdio would take 1 KiB at a time */
	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	while ((len = getline(&line, &size, file)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (!parse(line, &mapping))
			continue;
		unescape(mapping.path);
		maps->list = memory_grow(maps->list, maps->count, sizeof(*maps->list));
		maps->list[maps->count++] = mapping;
	}
	free(line);
	fclose(file);
	return 0;
}

void maps_free(struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++)
		free(maps->list[i].path);
	free(maps->list);
	*maps = (struct maps){ 0 };
}

const struct mapping *maps_at(const struct maps *maps, uint64_t address)
{
	size_t low = 0, high = maps->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (maps->list[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < maps->count && maps->list[low].start <= address ? &maps->list[low] : NULL;
}

bool mapping_is_anonymous(const struct mapping *mapping)
{
	return mapping->is_shared && !strcmp(mapping->path, "/dev/zero (deleted)");
}
