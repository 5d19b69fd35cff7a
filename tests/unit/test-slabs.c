/* SPDX-License-Identifier: MIT */
/*
 * Description: a slab gives each of its blocks to one at a time
 */
#include "heap-made.h"

#define HEAP_BYTES (64UL << 20)

static bool is_block(unsigned class, const void *block)
{
	uint32_t offset = (uintptr_t)block & (UNIT_SIZE - 1);

	return heap_map.kinds[unit_of(block)] == class &&
	       offset % size_classes[class].size == 0 &&
	       offset / size_classes[class].size < size_classes[class].blocks;
}

static int compare(const void *a, const void *b)
{
	uintptr_t left = *(const uintptr_t *)a, right = *(const uintptr_t *)b;

	return left < right ? -1 : left > right;
}

/* All different, and blocks. Sorts them. */
static bool are_blocks(unsigned class, void **blocks, unsigned count)
{
	qsort(blocks, count, sizeof(*blocks), compare);
	for (unsigned i = 0; i < count; i++)
		if (!is_block(class, blocks[i]) || (i && blocks[i] == blocks[i - 1]))
			return false;
	return true;
}

static bool is_linked_right(unsigned class)
{
	uint32_t listed = 0, found = 0;

	for (unsigned home = 0; home < HOMES; home++)
		for (uint32_t i = heap_map.heap->classes[class].first[home]; i;
			i = heap_map.unit[i].next)
			listed += heap_map.kinds[i] == class && heap_map.unit[i].free &&
				  heap_map.unit[i].is_listed && heap_map.unit[i].home == home;
	for (uint32_t i = 1; i < heap_map.heap->top; i++)
		found += heap_map.kinds[i] == class && heap_map.unit[i].free;
	return listed == found;
}

static int play_take(void)
{
	static void *blocks[10000];

	must(make_heap(HEAP_BYTES, false));
	for (unsigned class = 1; class <= CLASSES; class++) {
		unsigned count = size_classes[class].blocks * 2 + 1;
		uint64_t used = atomic_load(&heap_map.heap->used_units);

		must(slabs_take(class, blocks, count) == count && are_blocks(class, blocks, count));
		must(atomic_load(&heap_map.heap->used_units) == used + 3);
		must(slabs_give(class, blocks, count) && is_linked_right(class));
		/* one stays at hand */
		must(atomic_load(&heap_map.heap->used_units) == used + 1);
		must(slabs_take(class, blocks, 1) == 1 && slabs_give(class, blocks, 1));
	}
	return CHILD_GOOD;
}

static int play_exhausted(void)
{
	static void *blocks[5000];

	must(make_heap(HEAP_BYTES, false));
	atomic_store(&heap_map.heap->limit, 4 * UNIT_SIZE);
	must(slabs_take(CLASSES, blocks, 100) == 8 && slabs_take(CLASSES, blocks + 8, 1) == 0);
	must(slabs_take(1, blocks + 8, 1) == 0 && are_blocks(CLASSES, blocks, 8));
	must(slabs_give(CLASSES, blocks, 8) && slabs_take(1, blocks, 5000) == 5000);
	return CHILD_GOOD;
}

/* As far as the heap can tell, on this processor. */
static void be_on(uint32_t cpu)
{
	static struct rseq_area area;

	area.cpu_id = cpu;
	cpu_lists_rseq_at = (char *)&area - fondue_thread_();
}

static unsigned units_used(void)
{
	return (unsigned)atomic_load(&heap_map.heap->used_units);
}

static int play_homes(void)
{
	static void *here[10], *there[10], *more[20000];
	unsigned used, per_slab = size_classes[20].blocks;

	must(make_heap(HEAP_BYTES, false));
	be_on(3);
	must(slabs_take(20, here, 10) == 10);
	be_on(4);
	must(slabs_take(20, there, 10) == 10 && unit_of(here[0]) != unit_of(there[0]));
	/* what is freed from elsewhere goes back to where it came from */
	must(slabs_give(20, here, 10) && slabs_take(20, more, 10) == 10);
	must(unit_of(more[0]) == unit_of(there[0]) && is_linked_right(20));
	be_on(3 + HOMES);
	must(slabs_take(20, here, 10) == 10 && unit_of(here[0]) != unit_of(there[0]));
	/* many that others have are taken before a new one is, but not all */
	must(slabs_take(20, more, 10 * per_slab) == 10 * per_slab);
	for (unsigned i = 0; i < 10; i++)
		must(slabs_give(20, more + i * per_slab + 5, 2));
	used = units_used();
	be_on(5);
	must(slabs_take(20, here, 10) == 10 && units_used() == used && is_linked_right(20));
	must(slabs_take(20, more, per_slab) == per_slab && units_used() == used + 1);
	/* at the limit, the last */
	atomic_store(&heap_map.heap->limit, (uint64_t)units_used() * UNIT_SIZE);
	must(slabs_take(20, more, 20000) > per_slab && is_linked_right(20));
	must(slabs_take(20, here, 1) == 0);
	return CHILD_GOOD;
}

static void leave_wrong(void)
{
	struct class_list *list = &heap_map.heap->classes[5];

	for (uint32_t i = 1; i < heap_map.heap->top; i++)
		heap_map.unit[i] = (struct unit){ .previous = 3, .next = i, .free = 1, .is_listed = 7,
			.home = 777 };
	list->first[0] = list->first[3] = 2;
}

static int play_death(void)
{
	static void *blocks[3000];

	must(make_heap(HEAP_BYTES, false));
	must(slabs_take(5, blocks, 3000) == 3000);
	must(slabs_give(5, blocks + 100, 50));
	must(dies_with(&heap_map.heap->classes[5].lock, leave_wrong));
	must(slabs_take(5, blocks + 100, 50) == 50 && are_blocks(5, blocks, 3000));
	must(is_linked_right(5));
	must(slabs_give(5, blocks, 3000) && is_linked_right(5));
	must(atomic_load(&heap_map.heap->used_units) == 1);
	return CHILD_GOOD;
}

/* Four processes, of which each puts its mark on what it has. */
static int work(void)
{
	void *blocks[100];
	uint64_t random = getpid() * 7 + 1;

	for (unsigned n = 0; n < 3000; n++) {
		unsigned count = 1 + (next_random(&random) >> 8) % 100;
		unsigned class = 3 + 5 * (count % 2), got = slabs_take(class, blocks, count);

		must(got == count);
		for (unsigned i = 0; i < count; i++)
			*(volatile uint64_t *)blocks[i] = random;
		for (unsigned i = 0; i < count; i++)
			must(*(volatile uint64_t *)blocks[i] == random);
		must(slabs_give(class, blocks, count));
	}
	return CHILD_GOOD;
}

static int play_crowd(void)
{
	must(make_heap(HEAP_BYTES, false));
	for (unsigned i = 0; i < 4; i++)
		if (fork() == 0)
			_exit(work());
	for (unsigned i = 0; i < 4; i++)
		must(unit_wait(-1) == CHILD_GOOD);
	must(is_linked_right(3) && is_linked_right(8) && heap_check(NULL, NULL) == 0);
	must(figures().lost_blocks == 0 && atomic_load(&heap_map.heap->used_units) == 2);
	return CHILD_GOOD;
}

int main(void)
{
	if (is_emulated()) {
		skip("the heap", "the emulator has no robust futexes, and ignores MADV_REMOVE");
		return tap_done();
	}
	test_play("blocks of each class, and their slabs go back", play_take);
	test_play("as many as there are, if there are not enough", play_exhausted);
	test_play("processors have slabs of their own, as long as there is enough", play_homes);
	test_play("lists are made anew when somebody has died", play_death);
	test_play("four processes at once", play_crowd);
	return tap_done();
}
