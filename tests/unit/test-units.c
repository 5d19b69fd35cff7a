/* SPDX-License-Identifier: MIT */
/*
 * Description: units are one's who got them, and zero when they are said to be
 */
#include "heap-made.h"
#include "kernel.h"

#define HEAP_BYTES (64UL << 20)
#define UNITS	   1024

static uint32_t get(uint32_t count, uint32_t alignment)
{
	bool clean;

	return units_get(count, alignment, KIND_LARGE, NULL, NULL, &clean);
}

/* The counts are what the tables say. */
static bool is_counted_right(void)
{
	struct heap *heap = heap_map.heap;
	uint64_t used = 0, idle = 0;

	for (uint32_t i = 1; i < heap->units; i++) {
		used += heap_map.kinds[i] != KIND_FREE_UNIT;
		idle += heap_map.idle[i];
		if (heap_map.idle[i] && heap_map.kinds[i] != KIND_FREE_UNIT)
			return false;
		if (i < heap->hint && heap_map.kinds[i] == KIND_FREE_UNIT)
			return false;
	}
	return used == atomic_load(&heap->used_units) && idle == atomic_load(&heap->idle_units);
}

static int play_fit(void)
{
	must(make_heap(HEAP_BYTES, false));
	must(get(1, 1) == 1 && get(3, 1) == 2 && get(1, 1) == 5);
	must(heap_map.kinds[2] == KIND_LARGE && heap_map.kinds[3] == KIND_REST &&
		heap_map.kinds[4] == KIND_REST && heap_map.unit[2].count == 3);
	must(units_put(2, 3) && get(2, 1) == 2 && get(2, 1) == 6 && get(1, 1) == 4);
	must(is_counted_right());
	must(!get(UNITS, 1) && !get(UNITS - 7, 1) && get(UNITS - 9, 1));
	must(get(1, 1) == UNITS - 1 && !get(1, 1));
	must(heap_map.heap->top == UNITS && is_counted_right());
	return CHILD_GOOD;
}

static int play_aligned(void)
{
	must(make_heap(HEAP_BYTES, false));
	for (uint32_t alignment = 1; alignment <= 64; alignment *= 2)
		for (unsigned i = 0; i < 3; i++) {
			uint32_t unit = get(1 + i, alignment);

			must(unit && is_aligned((uintptr_t)unit_start(unit),
					     (uint64_t)alignment * UNIT_SIZE));
		}
	must(is_counted_right());
	return CHILD_GOOD;
}

static bool was_prepared;

static void prepare(uint32_t unit, void *arg)
{
	was_prepared = heap_map.kinds[unit] == KIND_FREE_UNIT && arg == &was_prepared;
}

static int play_prepare(void)
{
	bool clean;

	must(make_heap(HEAP_BYTES, false));
	must(units_get(1, 1, 7, prepare, &was_prepared, &clean) == 1 && was_prepared);
	must(heap_map.kinds[1] == 7);
	return CHILD_GOOD;
}

static int play_limit(void)
{
	must(make_heap(HEAP_BYTES, false));
	atomic_store(&heap_map.heap->limit, 10 * UNIT_SIZE);
	must(get(6, 1) && !get(5, 1) && get(4, 1) && !get(1, 1));
	must(units_put(1, 6) && !get(7, 1) && get(6, 1) == 1);
	atomic_store(&heap_map.heap->limit, 10 * UNIT_SIZE - 1);
	must(units_put(1, 6) && !get(6, 1) && get(5, 1) == 1);
	return CHILD_GOOD;
}

static bool is_zero(uint32_t unit, uint32_t count)
{
	const uint64_t *at = (const void *)unit_start(unit);

	for (size_t i = 0; i < count * UNIT_SIZE / 8; i++)
		if (at[i])
			return false;
	return true;
}

static int play_zero(void)
{
	bool clean;

	must(make_heap(HEAP_BYTES, false));
	must(units_get(8, 1, KIND_LARGE, NULL, NULL, &clean) == 1 && clean && is_zero(1, 8));
	memset(unit_start(1), 1, 8 * UNIT_SIZE);
	must(units_put(1, 8) && atomic_load(&heap_map.heap->idle_units) == 8);
	must(units_get(2, 1, KIND_LARGE, NULL, NULL, &clean) == 1 && !clean);
	must(units_put(1, 2));
	units_tidy(true);
	must(atomic_load(&heap_map.heap->idle_units) == 0 && is_counted_right());
	must(units_get(9, 1, KIND_LARGE, NULL, NULL, &clean) == 1 && clean && is_zero(1, 9));
	return CHILD_GOOD;
}

/* What the kernel does not take back is not taken for zero. */
static int play_refused(void)
{
	bool clean;

	must(make_heap(HEAP_BYTES, false));
	must(get(8, 1) == 1);
	memset(unit_start(1), 1, 8 * UNIT_SIZE);
	must(units_put(1, 8));
	kernel_refuse(SYS_madvise, EINVAL);
	units_tidy(true);
	must(atomic_load(&heap_map.heap->idle_units) == 8 && is_counted_right());
	must(units_get(8, 1, KIND_LARGE, NULL, NULL, &clean) == 1 && !clean);
	return CHILD_GOOD;
}

static int play_idle(void)
{
	must(make_heap(1UL << 30, false));
	for (unsigned i = 0; i < 1500; i++)
		must(get(1, 1) == 1 + i);
	for (unsigned i = 1500; i; i--)
		must(units_put(i, 1));
	must(atomic_load(&heap_map.heap->idle_units) == 1024 && is_counted_right());
	/* a tenth of them each second */
	units_tidy(false);
	must(atomic_load(&heap_map.heap->idle_units) == 1024 - 102);
	units_tidy(false);
	must(atomic_load(&heap_map.heap->idle_units) == 1024 - 102);
	atomic_fetch_sub(&heap_map.heap->idle_at, 1100000000);
	units_tidy(false);
	must(atomic_load(&heap_map.heap->idle_units) == 1024 - 102 - 92);
	must(is_counted_right());
	return CHILD_GOOD;
}

/* As somebody may leave them who is killed between any two stores. */
static void leave_halves(void)
{
	struct heap *heap = heap_map.heap;

	heap_map.kinds[3] = KIND_REST; /* of one that has no first one */
	heap_map.kinds[4] = KIND_REST;
	heap_map.idle[1] = 1; /* in use, about to be freed */
	heap_map.idle[6] = 1; /* free, and not counted */
	heap->top = 9;
	heap->hint = 8;
	atomic_store(&heap->used_units, 77);
	atomic_store(&heap->idle_units, 99);
}

static int play_death(void)
{
	must(make_heap(HEAP_BYTES, false));
	must(get(2, 1) == 1);
	must(dies_with(&heap_map.heap->lock, leave_halves));
	must(get(1, 1) == 3 && get(1, 1) == 4);
	must(heap_map.idle[1] == 0 && heap_map.idle[6] == 1 && is_counted_right());
	must(units_put(1, 2) && is_counted_right());
	return CHILD_GOOD;
}

/* Against a list of what was given: nothing twice, and no more than there is. */
static int play_many(void)
{
	static uint8_t owned[UNITS];
	struct { uint32_t unit, count; } mine[200] = { { 0, 0 } };
	uint64_t random = 1;

	must(make_heap(HEAP_BYTES, false));
	for (unsigned n = 0; n < 40000; n++) {
		unsigned i = next_random(&random) >> 8 & 0xffff, at = i % 200;
		uint32_t alignment = 1 << (i >> 8) % 5, count = 1 + (i >> 12) * (i % 3);

		for (uint32_t j = 0; j < mine[at].count; j++)
			must(owned[mine[at].unit + j]-- == 1);
		if (mine[at].count)
			must(units_put(mine[at].unit, mine[at].count));
		mine[at].unit = get(count, alignment);
		mine[at].count = mine[at].unit ? count : 0;
		for (uint32_t j = 0; j < mine[at].count; j++)
			must(owned[mine[at].unit + j]++ == 0);
		must(!mine[at].unit || is_aligned(mine[at].unit, alignment) || alignment == 1);
		if (n % 4096 == 0)
			units_tidy(true);
	}
	must(is_counted_right());
	for (unsigned i = 0; i < 200; i++)
		must(!mine[i].count || units_put(mine[i].unit, mine[i].count));
	must(atomic_load(&heap_map.heap->used_units) == 0 && is_counted_right());
	return CHILD_GOOD;
}

int main(void)
{
	if (is_emulated()) {
		skip("the heap", "the emulator has no robust futexes, and ignores MADV_REMOVE");
		return tap_done();
	}
	test_play("the first place that fits", play_fit);
	test_play("at addresses that are aligned", play_aligned);
	test_play("it is prepared before it is anybody's", play_prepare);
	test_play("not beyond the limit", play_limit);
	test_play("clean is zero", play_zero);
	test_play("pages that stay are not clean", play_refused);
	test_play("so many stay idle, and for so long", play_idle);
	test_play("what a dead process has left is mended", play_death);
	test_play("nothing is given away twice", play_many);
	return tap_done();
}
