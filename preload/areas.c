/* SPDX-License-Identifier: MIT */
/*
 * areas.c - the list grows, and is read without a lock
 *
 * A library that is loaded again where it was before is there already; so a program that
 * loads and unloads the same one for ever does not fill the list.
 */
#include <sys/mman.h>

#include "areas.h"
#include "log.h"

/* As many as most programs have; then a page: as many objects of one do not share something. */
#define FEW	   8
#define AREAS_SIZE 4096
#define AREAS_MAX  (AREAS_SIZE / sizeof(struct area))

static struct area few[FEW];

struct areas areas = { .list = few };

/* Who reads the list meanwhile goes on with the old one. */
static bool make_room(void)
{
	long at = sys_call(SYS_mmap, 0, AREAS_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct area *list = (struct area *)at;

	if (sys_failed(at))
		return false;
	for (unsigned i = 0; i < FEW; i++)
		list[i] = few[i];
	/* release: what is in it; pairs, as the count does, with the acquire in areas_hold() */
	atomic_store_explicit(&areas.list, list, memory_order_release);
	return true;
}

static bool has_room(uint32_t count)
{
	return areas.list == few ? count < FEW || make_room() : count < AREAS_MAX;
}

static bool is_known(uintptr_t start, size_t size)
{
	uint32_t count = atomic_load_explicit(&areas.count, memory_order_relaxed);

	for (uint32_t i = 0; i < count; i++)
		if (areas.list[i].start == start && areas.list[i].size == size)
			return true;
	return false;
}

static void say_full(void)
{
	static atomic_bool told;

	if (!atomic_exchange(&told, true))
		log_line(
			"there is no room to remember more pieces of shared memory: locks in them "
			"are process-shared only if the program makes them so; load fewer objects "
			"with shared variables");
}

void areas_add(uintptr_t start, uintptr_t end)
{
	uint32_t count = atomic_load_explicit(&areas.count, memory_order_relaxed);

	if (start >= end || is_known(start, end - start))
		return;
	if (!has_room(count)) {
		say_full();
		return;
	}
	areas.list[count] = (struct area){ start, end - start };
	/* release: the entry before it is counted; pairs with the acquire in areas_hold() */
	atomic_store_explicit(&areas.count, count + 1, memory_order_release);
}
