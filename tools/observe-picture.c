/* SPDX-License-Identifier: MIT */
/*
 * observe-picture.c - only pages that the process has written itself are copied
 *
 * A variable takes memory when it is first written; until then its page is that of the
 * file, or all zero. /proc/PID/pagemap tells the pages that are the process's own from the
 * others, so that a table of 64 MiB of which nothing is used costs nothing. All the others
 * need no copy, for the file says what is in them.
 *
 * They are read through /proc/PID/mem. process_vm_readv(2) pins what it reads, and a page
 * that a child shares with its parent is copied by the kernel before it is pinned: the child
 * would get a copy of all that its parent has, for being looked at. The pages of all areas go
 * into one buffer. Memory that is new costs more than the copy, so buffers are kept for the
 * next picture.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "observe-picture.h"

/* See Documentation/admin-guide/mm/pagemap.rst. */
#define PAGE_PRESENT   (UINT64_C(1) << 63)
#define PAGE_SWAPPED   (UINT64_C(1) << 62)
#define PAGE_OF_A_FILE (UINT64_C(1) << 61)

/* A picture for each child that lives is in use; two more are enough for what comes and goes. */
#define KEPT_MAX 2

#define NO_SLOT UINT32_MAX

struct picture {
	struct space space;
	uint32_t **slots; /* of each area: where in the buffer its pages are */
	unsigned char *bytes;
	size_t count, capacity; /* pages */
	struct picture *next;	/* that is kept */
};

static struct picture *kept;
static unsigned kept_count;
static size_t pages_in_use;

static size_t page_size(void)
{
	static size_t size;

	if (!size)
		size = (size_t)sysconf(_SC_PAGESIZE);
	return size;
}

static size_t pages_of(const struct area *area)
{
	return (area->end - area->start) / page_size();
}

static struct picture *get_picture(void)
{
	struct picture *picture = kept;

	if (!picture)
		return memory_get(sizeof(*picture));
	kept = picture->next;
	kept_count--;
	return picture;
}

static void free_slots(struct picture *picture)
{
	for (size_t i = 0; i < picture->space.area_count; i++)
		free(picture->slots[i]);
	free(picture->slots);
	picture->slots = NULL;
}

void picture_free(struct picture *picture)
{
	if (!picture)
		return;
	pages_in_use -= picture->count;
	picture->count = 0;
	free_slots(picture);
	space_free(&picture->space);
	if (kept_count == KEPT_MAX) {
		free(picture->bytes);
		free(picture);
		return;
	}
	picture->next = kept;
	kept = picture;
	kept_count++;
}

static bool is_own(uint64_t entry)
{
	return entry & (PAGE_PRESENT | PAGE_SWAPPED) && !(entry & PAGE_OF_A_FILE);
}

/* Where the kernel does not tell, every page is read. */
static void find_pages(struct picture *picture, size_t number, int pagemap)
{
	const struct area *area = &picture->space.areas[number];
	static uint64_t *entries;
	static size_t room;
	size_t count = pages_of(area), size = count * sizeof(*entries);
	uint32_t *slots = memory_get(count * sizeof(*slots));
	bool is_told;

	if (count > room) {
		free(entries);
		entries = memory_get(size);
		room = count;
	}
	is_told =
		pagemap >= 0 &&
		pread(pagemap, entries, size,
			(off_t)(area->start / page_size() * sizeof(*entries))) == (ssize_t)size;
	for (size_t i = 0; i < count; i++)
		slots[i] =
			!is_told || is_own(entries[i]) ? (uint32_t)picture->count++ : NO_SLOT;
	picture->slots[number] = slots;
}

static void make_room(struct picture *picture)
{
	if (picture->count <= picture->capacity)
		return;
	free(picture->bytes);
	/* a quarter more: the next picture is often a little larger */
	picture->capacity = picture->count + picture->count / 4;
	picture->bytes = memory_get(picture->capacity * page_size());
}

static bool read_run(int memory, uint64_t address, unsigned char *to, size_t size)
{
	while (size) {
		ssize_t got = pread(memory, to, size, (off_t)address);

		if (got <= 0)
			return false;
		address += (size_t)got;
		to += got;
		size -= (size_t)got;
	}
	return true;
}

/* Pages of it that stand one behind the other stand so in the buffer, too. */
static bool read_area(const struct picture *picture, size_t number, int memory)
{
	const struct area *area = &picture->space.areas[number];
	const uint32_t *slots = picture->slots[number];
	size_t count = pages_of(area), end;

	for (size_t page = 0; page < count; page = end + 1) {
		end = page;
		while (end < count && slots[end] != NO_SLOT)
			end++;
		if (end > page && !read_run(memory, area->start + page * page_size(),
					  picture->bytes + slots[page] * page_size(),
					  (end - page) * page_size()))
			return false;
	}
	return true;
}

static int open_of(pid_t tid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool read_pages(const struct picture *picture, pid_t tid)
{
	int memory = open_of(tid, "mem");
	bool good = memory >= 0;

	for (size_t i = 0; good && i < picture->space.area_count; i++)
		good = read_area(picture, i, memory);
	if (memory >= 0)
		close(memory);
	return good;
}

static void find_all_pages(struct picture *picture, pid_t tid)
{
	int pagemap = open_of(tid, "pagemap");

	picture->slots = memory_get(picture->space.area_count * sizeof(*picture->slots));
	for (size_t i = 0; i < picture->space.area_count; i++)
		find_pages(picture, i, pagemap);
	if (pagemap >= 0)
		close(pagemap);
}

struct picture *picture_take(pid_t tid)
{
	struct picture *picture = get_picture();

	picture->space = (struct space){ 0 };
	if (!space_read(&picture->space, tid)) {
		picture_free(picture);
		return NULL;
	}
	find_all_pages(picture, tid);
	pages_in_use += picture->count;
	make_room(picture);
	if (read_pages(picture, tid))
		return picture;
	picture_free(picture);
	return NULL;
}

const struct space *picture_space(const struct picture *picture)
{
	return &picture->space;
}

size_t picture_bytes_in_use(void)
{
	return pages_in_use * page_size();
}

const unsigned char *picture_page(
	const struct picture *picture, size_t number, uint64_t address)
{
	const struct area *area = &picture->space.areas[number];
	uint32_t slot = picture->slots[number][(address - area->start) / page_size()];

	return slot == NO_SLOT ? NULL : picture->bytes + slot * page_size();
}

/* From within one page. */
static void copy_part(const struct picture *picture, size_t number, uint64_t address,
	unsigned char *ret, size_t size)
{
	const struct area *area = &picture->space.areas[number];
	const unsigned char *page = picture_page(picture, number, address);

	if (page)
		memcpy(ret, page + address % page_size(), size);
	else
		observed_original(area->object, address - area->bias, ret, size);
}

void picture_copy(
	const struct picture *picture, size_t number, uint64_t address, void *ret, size_t size)
{
	const struct area *area = &picture->space.areas[number];
	unsigned char *to = ret;

	memset(ret, 0, size);
	/* a symbol may say that the variable begins before the area, in what is constant */
	if (address < area->start) {
		uint64_t before = area->start - address;

		if (before >= size)
			return;
		address += before;
		to += before;
		size -= before;
	}
	while (size && address < area->end) {
		size_t part = page_size() - address % page_size();

		if (part > size)
			part = size;
		copy_part(picture, number, address, to, part);
		address += part;
		to += part;
		size -= part;
	}
}
