/* SPDX-License-Identifier: MIT */
/*
 * observe-space.c - what is mapped, sorted by what an address in it would mean
 *
 * The loader maps the segments of an object one behind the other, at the distances that the
 * file wants. So the first mapping of its first segment gives the bias, and until its end
 * everything belongs to this copy of it: .bss, too, which is a mapping without a name. A
 * file that is mapped a second time further on, as dlmopen(3) does, is a second copy.
 *
 * Variables are in the segments that are writable in the file and still are: what the
 * loader has protected after relocating it (RELRO) is constant, and what somebody has put a
 * shared mapping over is shared already.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "observe-space.h"

static struct loaded *last_loaded(struct space *space)
{
	return space->loaded_count ? &space->loaded[space->loaded_count - 1] : NULL;
}

/* Does a copy of @object begin here? */
static bool begins(
	struct space *space, const struct observed *object, const struct mapping *mapping)
{
	const struct loaded *last = last_loaded(space);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (!object || !object->is_good || mapping->offset != (object->loads[0].offset & -page))
		return false;
	return !last || last->object != object || mapping->start >= last->end;
}

static void add_loaded(
	struct space *space, struct observed *object, const struct mapping *mapping)
{
	uint64_t bias = mapping->start - object->start;

	space->loaded = memory_grow(space->loaded, space->loaded_count, sizeof(*space->loaded));
	space->loaded[space->loaded_count++] = (struct loaded){
		.object = object,
		.bias = bias,
		.start = mapping->start,
		.end = object->end + bias,
	};
}

static void add_area(
	struct space *space, const struct loaded *loaded, uint64_t start, uint64_t end)
{
	struct area *last = space->area_count ? &space->areas[space->area_count - 1] : NULL;

	if (start >= end)
		return;
	if (last && last->end == start && last->object == loaded->object) {
		last->end = end;
		return;
	}
	space->areas = memory_grow(space->areas, space->area_count, sizeof(*space->areas));
	space->areas[space->area_count++] = (struct area){
		.object = loaded->object, .bias = loaded->bias, .start = start, .end = end
	};
}

/* The part of it that is in writable segments of the object it lies in. */
static void add_areas(struct space *space, const struct mapping *mapping)
{
	const struct loaded *loaded = last_loaded(space);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (!loaded || loaded->object->is_left_out || mapping->start >= loaded->end ||
		!mapping->is_writable || mapping->is_shared)
		return;
	if (mapping->inode && mapping->inode != loaded->object->inode)
		return;
	for (unsigned i = 0; i < loaded->object->load_count; i++) {
		const struct load *load = &loaded->object->loads[i];
		uint64_t start = (load->start + loaded->bias) & -page;
		uint64_t end = (load->end + loaded->bias + page - 1) & -page;

		if (load->is_writable)
			add_area(space, loaded, start > mapping->start ? start : mapping->start,
				end < mapping->end ? end : mapping->end);
	}
}

static enum seen_class class_of(const struct mapping *mapping)
{
	if (mapping->is_shared)
		return mapping->is_writable ? SEEN_SHARED : SEEN_TEXT;
	if (mapping->is_executable)
		return SEEN_TEXT;
	if (mapping->path[0] == '/')
		return mapping->is_writable ? SEEN_DATA : SEEN_TEXT;
	if (!strncmp(mapping->path, "[stack", 6))
		return SEEN_STACK;
	return !mapping->path[0] || mapping->is_writable ? SEEN_HEAP : SEEN_TEXT;
}

static void add_stretch(
	struct space *space, uint64_t start, uint64_t end, enum seen_class class)
{
	struct stretch *last =
		space->stretch_count ? &space->stretches[space->stretch_count - 1] : NULL;

	if (start >= end)
		return;
	if (last && last->end == start && last->class == class) {
		last->end = end;
		return;
	}
	space->stretches =
		memory_grow(space->stretches, space->stretch_count, sizeof(*space->stretches));
	space->stretches[space->stretch_count++] =
		(struct stretch){ .start = start, .end = end, .class = class };
}

/* A mapping without a name may begin with the .bss of an object, and go on as heap. */
static void add_stretches(struct space *space, const struct mapping *mapping)
{
	const struct loaded *loaded = last_loaded(space);
	enum seen_class class = class_of(mapping);
	uint64_t start = mapping->start;

	if (class == SEEN_HEAP && loaded && start < loaded->end) {
		uint64_t end = loaded->end < mapping->end ? loaded->end : mapping->end;

		add_stretch(space, start, end, SEEN_DATA);
		start = end;
	}
	add_stretch(space, start, mapping->end, class);
}

bool space_read(struct space *space, pid_t tid)
{
	struct maps maps;

	*space = (struct space){ 0 };
	if (maps_read(&maps, tid) != 0 || !maps.count) {
		maps_free(&maps);
		return false;
	}
	for (size_t i = 0; i < maps.count; i++) {
		struct observed *object = observed_get(&maps.list[i], tid);

		if (begins(space, object, &maps.list[i]))
			add_loaded(space, object, &maps.list[i]);
		add_areas(space, &maps.list[i]);
		add_stretches(space, &maps.list[i]);
	}
	maps_free(&maps);
	return true;
}

void space_free(struct space *space)
{
	free(space->stretches);
	free(space->loaded);
	free(space->areas);
	*space = (struct space){ 0 };
}

enum seen_class space_class(const struct space *space, uint64_t address)
{
	size_t low = 0, high = space->stretch_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (space->stretches[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < space->stretch_count && space->stretches[low].start <= address ?
		       space->stretches[low].class :
		       SEEN_NUMBER;
}

const struct loaded *space_loaded(const struct space *space, uint64_t address)
{
	for (size_t i = 0; i < space->loaded_count; i++)
		if (space->loaded[i].start <= address && address < space->loaded[i].end)
			return &space->loaded[i];
	return NULL;
}
