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
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "maps.h"
#include "memory.h"

static bool parse(const char *line, struct mapping *mapping)
{
	unsigned major, minor;
	char rights[5];
	int path = 0;

	*mapping = (struct mapping){ 0 };
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
		    &mapping->start, &mapping->end, rights, &mapping->offset, &major, &minor,
		    &mapping->inode, &path) != 7 ||
		strlen(rights) != 4 || !path)
		return false;
	mapping->device = makedev(major, minor);
	mapping->is_writable = rights[1] == 'w';
	mapping->is_executable = rights[2] == 'x';
	mapping->is_shared = rights[3] == 's';
	mapping->path = memory_copy(line + path);
	return true;
}

int maps_read(struct maps *maps, pid_t tid)
{
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
	while ((len = getline(&line, &size, file)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (!parse(line, &mapping))
			continue;
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
