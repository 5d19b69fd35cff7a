/* SPDX-License-Identifier: MIT */
/*
 * heap-check.c - going through all blocks
 *
 * A free block is in the bitmap of its slab or in one list of a processor or thread, and its
 * tag is clear; an allocated one is in neither, and its tag says whose it is. One that is in
 * neither, with a clear tag, is on its way in somebody's hands, or was when he was killed.
 * Anything else is damage: there is one way to get it, to write into memory of the heap's own, or to
 * free a block in two threads at the same instant.
 *
 * Whoever goes through the lists writes nothing, and takes no lock: what changes meanwhile
 * may be counted once too often or not at all.
 */
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "heap-check.h"
#include "cpu-lists.h"
#include "owners.h"
#include "slabs.h"
#include "thread-lists.h"
#include "units.h"

void (*heap_damaged)(uint64_t blocks);

/* Of each process that has blocks. */
struct holdings {
	uint64_t blocks, bytes;
	bool is_asked, is_dead;
};

/* What was found. Large: mapped for it. */
struct audit {
	uint64_t free, listed, owned, bytes, lost, damaged;
	uint64_t allocations;
	size_t size;   /* of all this */
	uint32_t top;  /* units that are looked at: others may be added meanwhile */
	bool reclaims; /* what is lost goes back */
	uint64_t reclaimed;
	uint64_t view; /* of processes */
	struct holdings holdings[OWNERS + 1];
	uint64_t in_list[]; /* BITMAP_WORDS per unit */
};

static bool is_block(const struct audit *audit, uintptr_t block, unsigned class)
{
	uint32_t unit = unit_of((void *)block);

	return block - (uintptr_t)heap_map.blocks < heap_map.blocks_size &&
	       unit < audit->top && heap_map.kinds[unit] == class &&
	       class_index(class, block & (UNIT_SIZE - 1)) * size_classes[class].size ==
		       (block & (UNIT_SIZE - 1));
}

static void note_listed(struct audit *audit, unsigned class, uintptr_t block)
{
	uint32_t unit = unit_of((void *)block), index;
	uint64_t *word, bit;

	if (!is_block(audit, block, class)) {
		audit->damaged++;
		return;
	}
	index = class_index(class, block & (UNIT_SIZE - 1));
	word = &audit->in_list[(size_t)unit * BITMAP_WORDS + index / 64];
	bit = 1ULL << (index % 64);
	if (*word & bit)
		audit->damaged++; /* twice */
	*word |= bit;
	audit->listed++;
}

static void audit_cpu(struct audit *audit, struct cpu *cpu)
{
	for (unsigned class = 1; class <= CLASSES; class++) {
		struct list *list = &cpu->lists[class];
		uint64_t word = atomic_load_explicit(&list->word, memory_order_acquire);
		unsigned count = word & 0xffff;

		audit->allocations += word >> 16;
		if (count > LIST_MAX) {
			audit->damaged++;
			continue;
		}
		for (unsigned i = 0; i < count; i++)
			note_listed(audit, class, list->blocks[i]);
	}
}

#define PAGE 4096 /* at least: what mincore() counts in is a multiple of it */

/* A page that is not resident has never been written: if it cannot be in the swap. */
static bool is_resident(struct cpu *cpu)
{
	unsigned char resident[CPU_SIZE / PAGE] = { 0 };

	if (sys_call(SYS_mincore, cpu, CPU_SIZE, resident) != 0)
		return true;
	for (unsigned i = 0; i < sizeof(resident); i++)
		if (resident[i] & 1)
			return true;
	return false;
}

static bool has_swap(void)
{
	struct sysinfo info;

	return sys_call(SYS_sysinfo, &info) != 0 || info.totalswap != 0;
}

/* Processors that there can ever be: as many as the kernel has bits for. */
static unsigned processors(void)
{
	uint64_t mask[CPUS / 64];
	long bytes = sys_call(SYS_sched_getaffinity, 0, sizeof(mask), mask);

	return bytes > 0 && bytes * 8 < CPUS_BY_RSEQ ? bytes * 8 : CPUS_BY_RSEQ;
}

/* To read a page that was never written allocates it: so only those that may have been. */
static void audit_cpus(struct audit *audit)
{
	unsigned by_rseq = processors(), end = CPU_FIRST_THREAD + thread_lists_used();
	bool may_be_away = has_swap();

	for (unsigned i = 0; i < end; i++)
		if ((i < by_rseq || i >= CPUS_BY_RSEQ) &&
			(may_be_away || is_resident(&heap_map.cpus[i])))
			audit_cpu(audit, &heap_map.cpus[i]);
}

static void note_owned(struct audit *audit, tag owner, size_t size)
{
	audit->owned++;
	audit->bytes += size;
	audit->holdings[owner].blocks++;
	audit->holdings[owner].bytes += size;
}

/* Return: is it lost? */
static bool audit_block(struct audit *audit, uint32_t unit, unsigned class, uint32_t index)
{
	size_t at = (size_t)unit * BITMAP_WORDS + index / 64;
	bool free = heap_map.bitmaps[at] >> (index % 64) & 1;
	bool listed = audit->in_list[at] >> (index % 64) & 1;
	tag owner = *tag_at(unit, index);

	audit->free += free;
	if ((free && listed) || ((free || listed) && owner))
		audit->damaged++;
	else if (owner)
		note_owned(audit, owner, size_classes[class].size);
	else if (!free && !listed)
		return true;
	return false;
}

static void give_back(struct audit *audit, unsigned class, void **blocks, unsigned count)
{
	if (count && slabs_give(class, blocks, count))
		audit->reclaimed += count;
}

static void audit_slab(struct audit *audit, uint32_t unit, unsigned class)
{
	void *lost[64];
	unsigned count = 0;

	for (uint32_t i = 0; i < size_classes[class].blocks; i++) {
		if (!audit_block(audit, unit, class, i))
			continue;
		audit->lost++;
		if (!audit->reclaims)
			continue;
		lost[count++] = unit_start(unit) + (size_t)i * size_classes[class].size;
		if (count < FONDUE_COUNT(lost))
			continue;
		give_back(audit, class, lost, count);
		count = 0;
	}
	give_back(audit, class, lost, count);
}

static void audit_large(struct audit *audit, uint32_t unit)
{
	uint32_t count = heap_map.unit[unit].count;
	tag owner = *tag_at(unit, 0);

	if (owner) {
		note_owned(audit, owner, (size_t)count << UNIT_SHIFT);
		return;
	}
	audit->lost++;
	if (audit->reclaims && units_put(unit, count))
		audit->reclaimed++;
}

static void go_through(struct audit *audit)
{
	struct heap *heap = heap_map.heap;

	audit_cpus(audit);
	for (uint32_t unit = 1; unit < audit->top; unit++) {
		unsigned kind = heap_map.kinds[unit];

		if (kind >= 1 && kind <= CLASSES)
			audit_slab(audit, unit, kind);
		else if (kind == KIND_LARGE)
			audit_large(audit, unit);
	}
	for (unsigned class = 1; class <= CLASSES; class++)
		audit->allocations += atomic_load(&heap->classes[class].direct);
	audit->allocations += atomic_load(&heap->large);
}

static struct audit *begin(bool reclaims)
{
	struct audit *audit;
	uint32_t top;
	size_t size;
	long at;

	if (!heap_map.heap)
		return NULL;
	top = __atomic_load_n(&heap_map.heap->top, __ATOMIC_RELAXED);
	size = sizeof(*audit) + (size_t)top * BITMAP_WORDS * 8;
	at = sys_call(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sys_failed(at))
		return NULL;
	audit = (struct audit *)at;
	audit->size = size;
	audit->top = top;
	audit->reclaims = reclaims;
	audit->view = owners_view();
	go_through(audit);
	return audit;
}

static void end(struct audit *audit)
{
	(void)sys_call(SYS_munmap, audit, audit->size);
}

/* Numbers beyond have never been given: not to be looked at, a page for each 170 of them. */
static uint32_t owners_end(void)
{
	return atomic_load(&heap_map.heap->owners_used) + 1;
}

static bool is_dead(struct audit *audit, uint32_t owner)
{
	struct holdings *it = &audit->holdings[owner];

	if (!it->is_asked)
		it->is_dead = it->blocks && owners_is_dead_in(audit->view, owner);
	it->is_asked = true;
	return it->is_dead;
}

static void fill(struct audit *audit, struct fondue_heap_figures *stats)
{
	struct heap *heap = heap_map.heap;

	stats->reserved = (uint64_t)heap->units << UNIT_SHIFT;
	stats->used = atomic_load(&heap->used_units) << UNIT_SHIFT;
	stats->idle = atomic_load(&heap->idle_units) << UNIT_SHIFT;
	stats->limit = atomic_load(&heap->limit);
	stats->blocks = audit->owned;
	stats->bytes = audit->bytes;
	stats->allocations = audit->allocations;
	stats->lost_blocks = audit->lost;
	stats->refused = atomic_load(&heap->refused);
	for (uint32_t owner = 1; owner < owners_end(); owner++)
		if (is_dead(audit, owner)) {
			stats->dead_blocks += audit->holdings[owner].blocks;
			stats->dead_bytes += audit->holdings[owner].bytes;
		}
}

int heap_stats(struct fondue_heap_figures *stats)
{
	struct fondue_heap_figures full = { .size = sizeof(full) };
	uint64_t room = stats->size < sizeof(full) ? stats->size : sizeof(full);
	struct audit *audit = begin(false);

	if (!audit)
		return heap_map.heap ? ENOMEM : ENOSYS;
	fill(audit, &full);
	end(audit);
	full.size = room;
	for (uint64_t i = 0; i < room / sizeof(uint64_t); i++)
		((uint64_t *)stats)[i] = ((uint64_t *)&full)[i];
	return 0;
}

int heap_check(void (*visit)(const struct fondue_heap_dead *dead, void *arg), void *arg)
{
	struct audit *audit = begin(false);
	int result;

	if (!audit)
		return heap_map.heap ? ENOMEM : ENOSYS;
	for (uint32_t owner = 1; visit && owner < owners_end(); owner++) {
		struct fondue_heap_dead dead = { .pid = owners_pid(owner),
			.blocks = audit->holdings[owner].blocks,
			.bytes = audit->holdings[owner].bytes };

		if (is_dead(audit, owner))
			visit(&dead, arg);
	}
	result = audit->damaged ? EBADMSG : 0;
	if (result && heap_damaged)
		heap_damaged(audit->damaged);
	end(audit);
	return result;
}

/* What dead owners have in one slab. */
static uint64_t reclaim_slab(struct audit *audit, uint32_t unit, unsigned class, int pid)
{
	void *blocks[64];
	unsigned count = 0;
	uint64_t done = 0;

	for (uint32_t i = 0; i < size_classes[class].blocks; i++) {
		tag *owner = tag_at(unit, i);

		if (!*owner || !is_dead(audit, *owner) || (pid && owners_pid(*owner) != pid))
			continue;
		*owner = TAG_FREE;
		blocks[count++] = unit_start(unit) + (size_t)i * size_classes[class].size;
		if (count < FONDUE_COUNT(blocks))
			continue;
		done += slabs_give(class, blocks, count) ? count : 0;
		count = 0;
	}
	return done + (count && slabs_give(class, blocks, count) ? count : 0);
}

static uint64_t reclaim_large(struct audit *audit, uint32_t unit, int pid)
{
	tag *owner = tag_at(unit, 0);

	if (!*owner || !is_dead(audit, *owner) || (pid && owners_pid(*owner) != pid))
		return 0;
	*owner = TAG_FREE;
	return units_put(unit, heap_map.unit[unit].count);
}

/* What threads have had at hand that have ended: some slots are nobody's for long, or for ever. */
static void inherit_lists(void)
{
	void *blocks[64];
	unsigned count;

	for (uint32_t number = 0; number < thread_lists_used(); number++)
		for (unsigned class = 1; class <= CLASSES; class++)
			while ((count = thread_lists_inherit(
					number, class, blocks, FONDUE_COUNT(blocks))))
				(void)slabs_give(class, blocks, count);
}

uint64_t heap_reclaim(int pid)
{
	struct audit *audit;
	uint64_t done;

	if (heap_map.heap && !pid)
		inherit_lists();
	audit = begin(!pid);
	if (!audit)
		return 0;
	done = audit->reclaimed;
	for (uint32_t unit = 1; unit < audit->top; unit++) {
		unsigned kind = heap_map.kinds[unit];

		if (kind >= 1 && kind <= CLASSES)
			done += reclaim_slab(audit, unit, kind, pid);
		else if (kind == KIND_LARGE)
			done += reclaim_large(audit, unit, pid);
	}
	if (done)
		atomic_store(&heap_map.heap->unswept, 0); /* there are numbers to be had */
	end(audit);
	return done;
}

int heap_set_limit(uint64_t bytes)
{
	if (!heap_map.heap)
		return ENOSYS;
	atomic_store(&heap_map.heap->limit, bytes);
	return 0;
}
