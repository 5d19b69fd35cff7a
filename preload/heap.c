/* SPDX-License-Identifier: MIT */
/*
 * heap.c - allocating and freeing
 *
 * The usual way takes a block from the list of the processor and writes its owner's number
 * into its tag; back, it clears the tag and puts the block into the list of the processor
 * that it is on then. Where the kernel does not help with that it is the thread's own list.
 * All else is below: an empty list is filled from the slabs of its class, a full one drained
 * into them, large blocks are units in a row.
 *
 * A block has one owner at a time, who alone changes its tag: so that needs no atomic
 * operation. A second free finds the tag clear, and is refused.
 */
#include <string.h>
#include <sys/mman.h>

#include "heap.h"
#include "cpu-lists.h"
#include "heap-check.h"
#include "owners.h"
#include "slabs.h"
#include "thread-lists.h"
#include "units.h"

void (*heap_refused)(const void *block, const char *why, tag owner, uintptr_t pc);

#define BATCH_MAX (LIST_MAX / 2)

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

/* Small blocks. */

/* Without rseq: the thread's own lists; or, if it cannot have any now, those under a lock. */
static void *pop_otherwise(unsigned class, uint32_t hint)
{
	return thread_lists_join() ? thread_lists_pop(class) :
				     cpu_lists_pop_locked(class, hint);
}

static bool push_otherwise(unsigned class, void *block, uint32_t hint)
{
	return thread_lists_join() ? thread_lists_push(class, block) :
				     cpu_lists_push_locked(class, block, hint);
}

static bool uses_own_lists(void)
{
	return !cpu_lists_are_ours() && thread_lists_join();
}

/* Half of what a list holds. */
static unsigned batch_of(unsigned class, bool own)
{
	return own ? (size_classes[class].batch + 1) / 2 : size_classes[class].batch;
}

static unsigned fill(unsigned class, void **blocks, unsigned count, bool own, uint32_t hint)
{
	if (!count)
		return 0;
	return own ? thread_lists_fill(class, blocks, count) :
		     cpu_lists_fill(class, blocks, count, hint);
}

/* Take a batch; all but one go to the list at hand. */
static __attribute__((noinline)) void *refill(unsigned class)
{
	void *blocks[BATCH_MAX];
	uint32_t hint = owners_self();
	void *block = cpu_lists_join() ? NULL : pop_otherwise(class, hint);
	bool own = uses_own_lists();
	unsigned count, kept;

	if (block)
		return block;
	units_tidy(false);
	count = slabs_take(class, blocks, batch_of(class, own));
	if (!count)
		return NULL;
	kept = fill(class, blocks + 1, count - 1, own, hint);
	if (kept < count - 1)
		(void)slabs_give(class, blocks + 1 + kept, count - 1 - kept);
	/* what came by no list is counted here */
	atomic_fetch_add_explicit(
		&heap_map.heap->classes[class].direct, 1, memory_order_relaxed);
	return blocks[0];
}

/* Make room in the list at hand, and put the block where it fits. */
static __attribute__((noinline)) void flush(unsigned class, void *block)
{
	void *blocks[BATCH_MAX + 1];
	uint32_t hint = owners_self();
	int saved = errno;
	unsigned count;
	bool own;

	if (!cpu_lists_join() && push_otherwise(class, block, hint))
		return;
	units_tidy(false);
	own = uses_own_lists();
	count = own ? thread_lists_drain(class, blocks, batch_of(class, own)) :
		      cpu_lists_drain(class, blocks, batch_of(class, own), hint);
	blocks[count++] = block;
	(void)slabs_give(class, blocks, count);
	errno = saved;
}

static __attribute__((noinline)) void put_otherwise(unsigned class, void *block)
{
	if (!thread_lists_push(class, block))
		flush(class, block);
}

/* Times its number, 2^32; and what is left, less than 2^16 if it is the start of a block. */
static inline uint64_t divide(unsigned class, const void *block)
{
	return ((uintptr_t)block & (UNIT_SIZE - 1)) * heap_map.divide[class];
}

static inline size_t offset_of(const void *block)
{
	return (uintptr_t)block - (uintptr_t)heap_map.blocks;
}

static inline tag *tag_of(unsigned class, const void *block)
{
	return tag_at(offset_of(block) >> UNIT_SHIFT, divide(class, block) >> 32);
}

/* @block: NULL: there was none at hand; or this process has no number yet. */
static __attribute__((noinline)) void *allocate_slowly(
	unsigned class, void *block, size_t alignment)
{
	int saved = errno;

	if (!heap_map.heap)
		return fondue_plain_alloc_(
			alignment < 16 ? 16 : alignment, size_classes[class].size);
	if (!block)
		block = refill(class);
	if (!block)
		return no_memory();
	*tag_of(class, block) = owners_self();
	errno = saved;
	return block;
}

/* From the thread's own list, if it has one. */
static __attribute__((noinline)) void *allocate_otherwise(unsigned class, size_t alignment)
{
	void *block = thread_lists_pop(class);

	if (!block)
		return allocate_slowly(class, NULL, alignment);
	*tag_of(class, block) = owners_here->mine;
	return block;
}

/* What is not usual is called last: so nothing need be saved for it. */
static inline void *allocate_small(unsigned class, size_t alignment)
{
	void *block;
	tag mine;

	if (__builtin_expect(!cpu_lists_pop(class, &block), 0))
		return allocate_otherwise(class, alignment);
	mine = owners_here->mine;
	if (__builtin_expect(!mine, 0))
		return allocate_slowly(class, block, alignment);
	*tag_of(class, block) = mine;
	return block;
}

/* Large blocks: their tag is the first of their first unit. */

/* How many @size bytes take, which may be all there are. */
static inline uint64_t units_for(size_t size)
{
	return (size >> UNIT_SHIFT) + !!(size & (UNIT_SIZE - 1));
}

static __attribute__((noinline)) void *allocate_large_so(
	size_t alignment, size_t size, bool *ret_clean)
{
	uint64_t count = units_for(size);
	uint32_t apart = alignment > UNIT_SIZE ? alignment >> UNIT_SHIFT : 1, unit;

	*ret_clean = false;
	if (!heap_map.heap)
		return fondue_plain_alloc_(alignment < 16 ? 16 : alignment, size);
	if (count >= heap_map.heap->units || alignment >> UNIT_SHIFT >= heap_map.heap->units)
		return no_memory();
	units_tidy(false);
	unit = units_get(count, apart, KIND_LARGE, NULL, NULL, ret_clean);
	if (!unit)
		return no_memory();
	heap_map.unit[unit].size = size;
	*tag_at(unit, 0) = owners_self();
	atomic_fetch_add_explicit(&heap_map.heap->large, 1, memory_order_relaxed);
	return unit_start(unit);
}

static __attribute__((noinline)) void *allocate_large(size_t alignment, size_t size)
{
	bool clean;

	return allocate_large_so(alignment, size, &clean);
}

/* Doors */

static void *heap_malloc(size_t size)
{
	if (__builtin_expect(size > CLASS_SIZE_MAX, 0))
		return allocate_large(1, size);
	return allocate_small(class_of(size), 1);
}

static void *heap_calloc(size_t count, size_t size)
{
	bool clean = false;
	void *block;

	if (__builtin_mul_overflow(count, size, &size))
		return no_memory();
	block = size > CLASS_SIZE_MAX ? allocate_large_so(1, size, &clean) : heap_malloc(size);
	if (block && !clean)
		memset(block, 0, size);
	return block;
}

/* A class whose blocks are all aligned so: its size is a multiple of it. */
static unsigned aligned_class(size_t alignment, size_t size)
{
	unsigned class = class_of(size);

	while (class <= CLASSES && size_classes[class].size & (alignment - 1))
		class++;
	return class;
}

static void *heap_aligned_alloc(size_t alignment, size_t size)
{
	size += !size;
	if (alignment > CLASS_SIZE_MAX || size > CLASS_SIZE_MAX)
		return allocate_large(alignment, size);
	return allocate_small(aligned_class(alignment, size), alignment);
}

/* In a door, or in what is inlined there: where the program called it. */
#define CALLER() ((uintptr_t)__builtin_return_address(0))

static __attribute__((noinline, cold)) void refuse(
	const void *block, const char *why, tag owner, uintptr_t pc)
{
	atomic_fetch_add(&heap_map.heap->refused, 1);
	if (heap_refused)
		heap_refused(block, why, owner, pc);
}

static const char not_ours[] = "it is no block of the shared heap";
static const char not_start[] = "it is not the beginning of a block";
static const char is_free_already[] = "it is free already";
static const char other_size[] = "it was allocated with another size";

/* The size that a block has, by its unit's kind; 0: it is none. */
static size_t size_of(unsigned kind, uint32_t unit)
{
	if (kind >= 1 && kind <= CLASSES)
		return size_classes[kind].size;
	return kind == KIND_LARGE && unit ? (size_t)heap_map.unit[unit].count << UNIT_SHIFT : 0;
}

static bool is_in_heap(const void *block)
{
	return offset_of(block) < heap_map.blocks_size;
}

static unsigned kind_of(size_t unit)
{
	return __atomic_load_n(&heap_map.kinds[unit], __ATOMIC_ACQUIRE);
}

static __attribute__((noinline)) void free_large(void *block, unsigned kind, uintptr_t pc)
{
	uint32_t unit = unit_of(block);
	tag *owner = tag_at(unit, 0);
	int saved = errno;

	if (kind == KIND_REST || (uintptr_t)block & (UNIT_SIZE - 1))
		refuse(block, not_start, TAG_FREE, pc);
	else if (kind != KIND_LARGE || !unit || !*owner)
		refuse(block, is_free_already, TAG_FREE, pc);
	else {
		*owner = TAG_FREE;
		(void)units_put(unit, heap_map.unit[unit].count);
	}
	errno = saved;
}

static __attribute__((noinline, cold)) void refuse_small(
	const void *block, tag owner, uintptr_t pc)
{
	refuse(block, owner ? not_start : is_free_already, owner, pc);
}

static inline __attribute__((always_inline)) void free_small(
	void *block, size_t unit, unsigned class, uintptr_t pc)
{
	uint64_t divided = divide(class, block);
	tag *owner = tag_at(unit, divided >> 32), whose = *owner;

	if (__builtin_expect((uint32_t)divided >= UNIT_SIZE || !whose, 0)) {
		refuse_small(block, whose, pc);
		return;
	}
	*owner = TAG_FREE;
	if (__builtin_expect(!cpu_lists_push(class, block), 0))
		put_otherwise(class, block);
}

/* In a process that came too late for the heap each block has a mapping of its own. */
static __attribute__((noinline, cold)) void free_other(void *block, uintptr_t pc)
{
	if (heap_map.heap)
		refuse(block, not_ours, TAG_FREE, pc);
	else
		fondue_plain_free_(block);
}

static inline __attribute__((always_inline)) void free_it(void *block, uintptr_t pc)
{
	size_t offset = offset_of(block), unit = offset >> UNIT_SHIFT;
	unsigned kind;

	if (__builtin_expect(offset >= heap_map.blocks_size, 0)) {
		free_other(block, pc);
		return;
	}
	kind = kind_of(unit);
	if (__builtin_expect(kind - 1 < CLASSES, 1))
		free_small(block, unit, kind, pc);
	else
		free_large(block, kind, pc);
}

static void heap_free(void *block)
{
	free_it(block, CALLER());
}

/* ... or of the largest alignment that this class has: a smaller one leads here, too. */
static bool is_of_class(unsigned class, size_t size)
{
	uint32_t alignment = size_classes[class].size & -size_classes[class].size;

	return size <= CLASS_SIZE_MAX && aligned_class(alignment, size + !size) == class;
}

/* Is @size what the block was allocated with, as far as that can be told? */
static bool is_size(unsigned kind, uint32_t unit, size_t size)
{
	if (kind == KIND_LARGE)
		return heap_map.unit[unit].size == size + !size;
	return kind - 1 >= CLASSES || is_of_class(kind, size);
}

static __attribute__((noinline)) void free_sized_slowly(void *block, size_t size, uintptr_t pc)
{
	if (is_in_heap(block) && !is_size(kind_of(unit_of(block)), unit_of(block), size))
		refuse(block, other_size, TAG_FREE, pc);
	else
		free_it(block, pc);
}

static void heap_free_sized(void *block, size_t size)
{
	size_t offset = offset_of(block), unit = offset >> UNIT_SHIFT;
	unsigned class;

	if (__builtin_expect(size > CLASS_SIZE_MAX || offset >= heap_map.blocks_size, 0)) {
		free_sized_slowly(block, size, CALLER());
		return;
	}
	class = class_of(size);
	if (__builtin_expect(kind_of(unit) == class, 1))
		free_small(block, unit, class, CALLER());
	else
		free_sized_slowly(block, size, CALLER());
}

static size_t heap_usable_size(const void *block)
{
	if (!heap_map.heap)
		return fondue_plain_head_(block)->size;
	return is_in_heap(block) ? size_of(kind_of(unit_of(block)), unit_of(block)) : 0;
}

/* Why @block is none that is allocated; NULL: it is one. */
static const char *why_not(const void *block, tag *ret_owner)
{
	uint32_t unit = unit_of(block), offset = (uintptr_t)block & (UNIT_SIZE - 1);
	unsigned kind;
	bool is_start;

	*ret_owner = TAG_FREE;
	if (!is_in_heap(block))
		return not_ours;
	kind = kind_of(unit);
	if (kind == KIND_REST)
		return not_start;
	if (!size_of(kind, unit))
		return is_free_already;
	if (kind == KIND_LARGE) {
		*ret_owner = *tag_at(unit, 0);
		is_start = offset == 0;
	} else {
		*ret_owner = *tag_of(kind, block);
		is_start = class_index(kind, offset) * size_classes[kind].size == offset;
	}
	return !*ret_owner ? is_free_already : is_start ? NULL : not_start;
}

/* Of the same class, or of the same units: so that the block has the size that it should. */
static bool stays(void *block, size_t size)
{
	uint32_t unit = unit_of(block);
	unsigned kind = kind_of(unit);

	if (kind - 1 < CLASSES)
		return size <= CLASS_SIZE_MAX && class_of(size + !size) == kind;
	if (size <= CLASS_SIZE_MAX || units_for(size) != heap_map.unit[unit].count)
		return false;
	heap_map.unit[unit].size = size;
	return true;
}

static void *move(void *block, size_t old, size_t size)
{
	void *fresh = heap_malloc(size);

	if (!fresh)
		return NULL;
	memcpy(fresh, block, old < size ? old : size);
	heap_free(block);
	return fresh;
}

static void *heap_realloc(void *block, size_t size)
{
	const char *why;
	tag owner;

	if (!block)
		return heap_malloc(size);
	if (!heap_map.heap)
		return move(block, heap_usable_size(block), size);
	why = why_not(block, &owner);
	if (why) {
		refuse(block, why, owner, CALLER());
		return no_memory();
	}
	return stays(block, size) ? block : move(block, heap_usable_size(block), size);
}

const struct fondue_heap_calls heap_calls = {
	.malloc = heap_malloc,
	.calloc = heap_calloc,
	.realloc = heap_realloc,
	.aligned_alloc = heap_aligned_alloc,
	.free = heap_free,
	.free_sized = heap_free_sized,
	.usable_size = heap_usable_size,
	.stats = heap_stats,
	.check = heap_check,
	.reclaim = heap_reclaim,
	.set_limit = heap_set_limit,
};
