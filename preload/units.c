/* SPDX-License-Identifier: MIT */
/*
 * units.c - giving units away by one store, and taking them back by one store
 *
 * A byte says what a unit is. For a block of several the further ones are marked first, and
 * the first one last: until then they are free, whoever is killed in between. Taken back, the
 * first one goes first. So whoever finds the lock with a dead owner sets all units free that
 * belong to no first one, and counts again; nothing else can be wrong.
 *
 * Units that are free keep their pages for a while, for what is freed is mostly allocated again
 * soon: up to IDLE_MAX, and for IDLE_NS. Whoever gives pages back to the kernel owns them
 * while he does: it takes long, and nobody waits for it.
 */
#include <sys/mman.h>

#include "units.h"
#include "born.h"
#include "heap-lock.h"
#include "park.h"

/* Pages of free units that are kept: 64 MiB. */
#define IDLE_MAX 1024
/* ... and how long, if nothing else happens; a tenth of them each time, at least TIDY_MIN. */
#define IDLE_NS	 1000000000ULL
#define TIDY_MIN 16

static void set_kind(uint32_t unit, uint8_t kind)
{
	/* release: what it is before that it is; pairs with the acquire in kind_of() */
	__atomic_store_n(&heap_map.kinds[unit], kind, __ATOMIC_RELEASE);
}

/* Its length in the table. */
static uint32_t units_of(uint32_t unit)
{
	uint32_t count = heap_map.unit[unit].count;

	return heap_map.kinds[unit] == KIND_LARGE && count ? count : 1;
}

static void repair(void)
{
	struct heap *heap = heap_map.heap;
	uint64_t used = 0, idle = 0;

	for (uint32_t i = 1, count; i < heap->top; i += count) {
		count = units_of(i);
		if (heap_map.kinds[i] == KIND_REST)
			set_kind(i, KIND_FREE_UNIT);
		if (heap_map.kinds[i] == KIND_FREE_UNIT) {
			idle += heap_map.idle[i];
			continue;
		}
		used += count;
		/* on their way to or from there when he died */
		for (uint32_t j = i; j < i + count; j++)
			heap_map.idle[j] = 0;
	}
	heap->hint = 1;
	atomic_store(&heap->used_units, used);
	atomic_store(&heap->idle_units, idle);
}

static bool lock(void)
{
	bool inherited;

	if (!heap_lock_last(&heap_map.heap->lock, &inherited))
		return false;
	if (inherited)
		repair();
	return true;
}

static bool is_aligned_unit(uint32_t unit, uint32_t alignment)
{
	return is_aligned((uintptr_t)unit_start(unit) >> UNIT_SHIFT, alignment);
}

/* First fit. */
static uint32_t find(uint32_t count, uint32_t alignment)
{
	const struct heap *heap = heap_map.heap;
	uint32_t start = 0, i = heap->hint;

	while (i < heap->units) {
		if (heap_map.kinds[i] != KIND_FREE_UNIT) {
			start = 0;
			i += units_of(i);
			continue;
		}
		if (!start && is_aligned_unit(i, alignment))
			start = i;
		i++;
		if (start && i - start == count)
			return start;
	}
	return 0;
}

/* Those that are free count as idle if they have pages. Return: had any of them? */
static bool forget_idle(uint32_t unit, uint32_t count)
{
	uint64_t idle = 0;

	for (uint32_t i = unit; i < unit + count; i++) {
		idle += heap_map.idle[i];
		heap_map.idle[i] = 0;
	}
	atomic_fetch_sub_explicit(
		&heap_map.heap->idle_units, idle, memory_order_relaxed);
	return idle != 0;
}

static bool is_within_limit(uint32_t count)
{
	struct heap *heap = heap_map.heap;
	uint64_t limit = atomic_load_explicit(&heap->limit, memory_order_relaxed);

	return !limit ||
	       (atomic_load_explicit(&heap->used_units, memory_order_relaxed) + count)
			       << UNIT_SHIFT <=
		       limit;
}

static uint32_t get(uint32_t count, uint32_t alignment, uint8_t kind, units_prepare *prepare,
	void *arg, bool *ret_clean)
{
	struct heap *heap = heap_map.heap;
	uint32_t unit = is_within_limit(count) ? find(count, alignment) : 0;

	if (!unit)
		return 0;
	if (unit + count > heap->top)
		heap->top = unit + count;
	for (uint32_t i = unit + count - 1; i > unit; i--)
		set_kind(i, KIND_REST);
	heap_map.unit[unit].count = count;
	if (prepare)
		prepare(unit, arg);
	set_kind(unit, kind); /* now it is */
	/* not before: of units that were never given away the pages must still count as used */
	*ret_clean = !forget_idle(unit, count);
	atomic_fetch_add_explicit(&heap->used_units, count, memory_order_relaxed);
	if (unit == heap->hint)
		heap->hint = unit + count;
	return unit;
}

uint32_t units_get(uint32_t count, uint32_t alignment, uint8_t kind, units_prepare *prepare,
	void *arg, bool *ret_clean)
{
	uint32_t unit;

	if (!lock())
		return 0;
	unit = get(count, alignment, kind, prepare, arg, ret_clean);
	heap_unlock(&heap_map.heap->lock);
	return unit;
}

static bool put(uint32_t unit, uint32_t count, bool has_pages)
{
	struct heap *heap = heap_map.heap;

	if (!lock())
		return false;
	for (uint32_t i = unit; i < unit + count; i++)
		heap_map.idle[i] = has_pages;
	set_kind(unit, count > 1 ? KIND_REST : KIND_FREE_UNIT); /* now it is not */
	for (uint32_t i = unit; i < unit + count; i++)
		set_kind(i, KIND_FREE_UNIT);
	atomic_fetch_sub_explicit(&heap->used_units, count, memory_order_relaxed);
	if (has_pages)
		atomic_fetch_add_explicit(&heap->idle_units, count, memory_order_relaxed);
	if (unit < heap->hint)
		heap->hint = unit;
	heap_unlock(&heap->lock);
	return true;
}

/* MADV_REMOVE: for all processes, and what is read there afterwards is 0. */
static bool give_back(uint32_t unit, uint32_t count)
{
	return born_advice_counts(unit_start(unit)) &&
	       sys_call(SYS_madvise, unit_start(unit), (size_t)count << UNIT_SHIFT,
		       MADV_REMOVE) == 0;
}

bool units_put(uint32_t unit, uint32_t count)
{
	uint64_t idle =
		atomic_load_explicit(&heap_map.heap->idle_units, memory_order_relaxed);

	return put(unit, count, idle + count <= IDLE_MAX || !give_back(unit, count));
}

static bool is_idle(uint32_t unit)
{
	return heap_map.kinds[unit] == KIND_FREE_UNIT && heap_map.idle[unit];
}

/*
 * Some free units in a row that have pages, @max at most, made our own: the highest, for the
 * lowest are allocated first.
 */
static uint32_t claim_idle(uint32_t max, uint32_t *ret_count)
{
	struct heap *heap = heap_map.heap;
	uint32_t unit = heap->top, count = 0;
	bool clean;

	while (unit > heap->hint && !is_idle(unit - 1))
		unit--;
	while (unit > heap->hint && count < max && is_idle(unit - 1)) {
		unit--;
		count++;
	}
	*ret_count = count;
	if (!count)
		return 0;
	for (uint32_t i = unit + count - 1; i > unit; i--)
		set_kind(i, KIND_REST);
	heap_map.unit[unit].count = count;
	*tag_at(unit, 0) = TAG_FREE;
	set_kind(unit, KIND_LARGE);
	clean = !forget_idle(unit, count);
	(void)clean;
	atomic_fetch_add_explicit(&heap->used_units, count, memory_order_relaxed);
	return unit;
}

static uint32_t tidy_some(uint32_t max)
{
	uint32_t unit, count;

	if (!lock())
		return 0;
	unit = claim_idle(max, &count);
	heap_unlock(&heap_map.heap->lock);
	if (unit)
		(void)put(unit, count, !give_back(unit, count));
	return count;
}

static bool is_due(struct heap *heap)
{
	uint64_t now, last = atomic_load_explicit(&heap->idle_at, memory_order_relaxed);

	if (!atomic_load_explicit(&heap->idle_units, memory_order_relaxed))
		return false;
	now = now_ns();
	if (now - last < IDLE_NS)
		return false;
	/* one of all who see it */
	return atomic_compare_exchange_strong(&heap->idle_at, &last, now);
}

void units_tidy(bool all)
{
	struct heap *heap = heap_map.heap;
	uint64_t idle = atomic_load_explicit(&heap->idle_units, memory_order_relaxed), some;

	if (!all && !is_due(heap))
		return;
	some = all ? idle : idle / 10 > TIDY_MIN ? idle / 10 : TIDY_MIN;
	while (some) {
		uint32_t done = tidy_some(some < IDLE_MAX ? some : IDLE_MAX);

		if (!done)
			return;
		some -= done < some ? done : some;
	}
}
