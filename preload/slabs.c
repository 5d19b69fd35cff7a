/* SPDX-License-Identifier: MIT */
/*
 * slabs.c - blocks of one size in a unit, and a bitmap that says which are free
 *
 * The bitmap is the only authority. A slab's count of free blocks, and the list of slabs that
 * have any, can be told from the bitmaps, and are when the owner of a class's lock has
 * died: then it may have died between any two stores here.
 *
 * A slab has a home, a few processors, and they take from it until it is empty; what others
 * free goes back there. So blocks that lie side by side, and their tags, are written to by one
 * processor, and not by two in turns, which costs ten times as much as an allocation.
 */
#include <string.h>

#include "slabs.h"
#include "heap-lock.h"
#include "thread-lists.h"
#include "units.h"

static uint64_t *bitmap_of(uint32_t unit)
{
	return heap_map.bitmaps + (size_t)unit * BITMAP_WORDS;
}

static void link_slab(struct class_list *list, uint32_t unit)
{
	struct unit *slab = &heap_map.unit[unit];

	slab->previous = 0;
	slab->next = list->first[slab->home];
	if (slab->next)
		heap_map.unit[slab->next].previous = unit;
	list->first[slab->home] = unit;
	slab->is_listed = 1;
}

static void unlink_slab(struct class_list *list, uint32_t unit)
{
	struct unit *slab = &heap_map.unit[unit];

	if (slab->previous)
		heap_map.unit[slab->previous].next = slab->next;
	else
		list->first[slab->home] = slab->next;
	if (slab->next)
		heap_map.unit[slab->next].previous = slab->previous;
	slab->is_listed = 0;
}

static uint32_t count_free(uint32_t unit)
{
	const uint64_t *bitmap = bitmap_of(unit);
	uint32_t count = 0;

	for (unsigned i = 0; i < BITMAP_WORDS; i++)
		count += __builtin_popcountll(bitmap[i]);
	return count;
}

static void repair(unsigned class)
{
	struct class_list *list = &heap_map.heap->classes[class];

	memset(list->first, 0, sizeof(list->first));
	list->kept = 0;
	for (uint32_t unit = 1; unit < heap_map.heap->top; unit++) {
		struct unit *slab = &heap_map.unit[unit];

		if (__atomic_load_n(&heap_map.kinds[unit], __ATOMIC_ACQUIRE) != class)
			continue;
		slab->free = count_free(unit);
		slab->home %= HOMES;
		slab->is_listed = 0;
		if (slab->free)
			link_slab(list, unit);
	}
}

static bool lock(unsigned class)
{
	bool inherited;

	if (!heap_lock(&heap_map.heap->classes[class].lock, &inherited))
		return false;
	if (inherited)
		repair(class);
	return true;
}

/* All free; before anybody knows of it. */
static void prepare(uint32_t unit, void *arg)
{
	unsigned class = *(unsigned *)arg;
	uint64_t *bitmap = bitmap_of(unit);
	uint32_t blocks = size_classes[class].blocks;

	for (unsigned i = 0; i < BITMAP_WORDS; i++)
		bitmap[i] = blocks >= 64 * (i + 1) ? ~0ULL :
			    blocks > 64 * i	   ? (1ULL << (blocks - 64 * i)) - 1 :
						     0;
	heap_map.unit[unit].free = blocks;
	heap_map.unit[unit].home = 0;
	heap_map.unit[unit].is_listed = 0;
	for (uint32_t i = 0; i < blocks; i += 1 << PLANE_SHIFT)
		memset(tag_at(unit, i), 0, sizeof(tag) << PLANE_SHIFT);
}

static uint32_t add_slab(struct class_list *list, unsigned class, unsigned home)
{
	bool clean;
	uint32_t unit = units_get(1, 1, class, prepare, &class, &clean);

	if (!unit)
		return 0;
	heap_map.unit[unit].home = home;
	link_slab(list, unit);
	return unit;
}

static bool is_all_free(unsigned class, uint32_t unit)
{
	return heap_map.kinds[unit] == class &&
	       heap_map.unit[unit].free == size_classes[class].blocks;
}

/*
 * So many slabs with free blocks of a class a home keeps from the others, half a megabyte: it is
 * memory that nobody else uses as long as there is other. Of 10,000 blocks of 16 to 512 bytes
 * some five slabs of a class are left when they have been freed, and those are what should not
 * be shared.
 */
#define KEPT_APART 8

/* One of another home that keeps @left others. 0: there is none. */
static uint32_t find_elsewhere(const struct class_list *list, unsigned home, unsigned left)
{
	for (unsigned i = 1; i < HOMES; i++) {
		uint32_t unit = list->first[(home + i) % HOMES];

		for (unsigned j = 0; unit && j < left; j++)
			unit = heap_map.unit[unit].next;
		if (unit)
			return unit;
	}
	return 0;
}

static uint32_t move_here(struct class_list *list, uint32_t unit, unsigned home)
{
	if (!unit)
		return 0;
	unlink_slab(list, unit);
	heap_map.unit[unit].home = home;
	link_slab(list, unit);
	return unit;
}

/* One with free blocks. */
static uint32_t find_slab(struct class_list *list, unsigned class, unsigned home)
{
	uint32_t unit = list->first[home];

	if (unit)
		return unit;
	unit = list->kept && is_all_free(class, list->kept) ?
		       list->kept :
		       find_elsewhere(list, home, KEPT_APART);
	unit = unit ? move_here(list, unit, home) : add_slab(list, class, home);
	return unit ? unit : move_here(list, find_elsewhere(list, home, 0), home);
}

/* From one slab. */
static unsigned take_some(unsigned class, uint32_t unit, void **blocks, unsigned count)
{
	uint64_t *bitmap = bitmap_of(unit);
	char *start = unit_start(unit);
	unsigned taken = 0;

	for (unsigned i = 0; i < BITMAP_WORDS && taken < count; i++) {
		uint64_t word = bitmap[i];

		while (word && taken < count) {
			unsigned index = i * 64 + __builtin_ctzll(word);

			word &= word - 1;
			blocks[taken++] = start + (size_t)index * size_classes[class].size;
		}
		bitmap[i] = word;
	}
	return taken;
}

unsigned slabs_take(unsigned class, void **blocks, unsigned count)
{
	struct class_list *list = &heap_map.heap->classes[class];
	unsigned taken = 0, home = thread_lists_home();

	if (!lock(class))
		return 0;
	while (taken < count) {
		uint32_t unit = find_slab(list, class, home);
		unsigned some;

		if (!unit)
			break;
		some = take_some(class, unit, blocks + taken, count - taken);
		heap_map.unit[unit].free -= some;
		taken += some;
		if (!heap_map.unit[unit].free)
			unlink_slab(list, unit);
	}
	heap_unlock(&list->lock);
	return taken;
}

/*
 * A slab that is all free goes back, but for one: who frees many blocks mostly allocates as
 * many again, and to make a slab takes longer than to take a block.
 */
static void consider(struct class_list *list, unsigned class, uint32_t unit)
{
	if (!is_all_free(class, unit) || list->kept == unit)
		return;
	if (!list->kept || !is_all_free(class, list->kept)) {
		list->kept = unit;
		return;
	}
	unlink_slab(list, unit);
	if (!units_put(unit, 1))
		link_slab(list, unit);
}

/* The first of @blocks, and those after it whose bits are in the same word. Return: how many. */
static unsigned give_some(
	struct class_list *list, unsigned class, void *const *blocks, unsigned count)
{
	uint32_t unit = unit_of(blocks[0]), word = 0;
	struct unit *slab = &heap_map.unit[unit];
	uint64_t bits = 0;
	unsigned given = 0;

	do {
		uint32_t index = class_index(class, (uintptr_t)blocks[given] & (UNIT_SIZE - 1));

		if (given && (unit_of(blocks[given]) != unit || index / 64 != word))
			break;
		word = index / 64;
		bits |= 1ULL << (index % 64);
	} while (++given < count);
	bitmap_of(unit)[word] |= bits;
	slab->free += given;
	if (!slab->is_listed)
		link_slab(list, unit);
	consider(list, class, unit);
	return given;
}

bool slabs_give(unsigned class, void *const *blocks, unsigned count)
{
	struct class_list *list = &heap_map.heap->classes[class];

	if (!lock(class))
		return false;
	while (count) {
		unsigned given = give_some(list, class, blocks, count);

		blocks += given;
		count -= given;
	}
	heap_unlock(&list->lock);
	return true;
}
