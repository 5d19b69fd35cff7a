/* SPDX-License-Identifier: MIT */
/*
 * observe-heap.c - a page that has been written since fork is mapped by one process only
 *
 * After fork both have the same pages, and the first who writes to one gets a copy of its
 * own. /proc/PID/pagemap tells pages that are mapped exclusively. It may have been the parent
 * who wrote; so this tells only that there is something to be said of the heap, not what.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maps.h"
#include "observe-heap.h"

/* See Documentation/admin-guide/mm/pagemap.rst. */
#define PAGE_PRESENT   (UINT64_C(1) << 63)
#define PAGE_EXCLUSIVE (UINT64_C(1) << 56)

/* 64 MiB of pages of 4 KiB: a dirty one is mostly among the first. */
#define PAGES_MAX 16384

static bool has_exclusive(int pagemap, const struct mapping *mapping)
{
	static uint64_t entries[PAGES_MAX];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	size_t count = (mapping->end - mapping->start) / page;
	ssize_t size;

	if (count > PAGES_MAX)
		count = PAGES_MAX;
	size = pread(pagemap, entries, count * sizeof(*entries),
		(off_t)(mapping->start / page * sizeof(*entries)));
	for (size_t i = 0; size > 0 && i < (size_t)size / sizeof(*entries); i++)
		if ((entries[i] & PAGE_PRESENT) && (entries[i] & PAGE_EXCLUSIVE))
			return true;
	return false;
}

bool heap_is_dirty(pid_t tid)
{
	bool is_dirty = false;
	struct maps maps;
	char path[64];
	int pagemap;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", tid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		return false;
	if (maps_read(&maps, tid) == 0)
		for (size_t i = 0; i < maps.count && !is_dirty; i++)
			is_dirty = !strcmp(maps.list[i].path, "[heap]") &&
				   has_exclusive(pagemap, &maps.list[i]);
	maps_free(&maps);
	close(pagemap);
	return is_dirty;
}
