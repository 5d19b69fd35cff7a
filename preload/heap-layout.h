/* SPDX-License-Identifier: MIT */
/*
 * heap-layout.h - the shared heap as it lies in memory, and nothing else
 *
 * One mapping, MAP_SHARED and anonymous, made before the first fork, so at one address in
 * every process; most of it is never touched and costs nothing. In this order, each part
 * beginning at a multiple of 64 KiB:
 *
 *	struct heap	one
 *	struct cpu	CPUS, 64 KiB each: free blocks at hand, a list per size class; of a
 *			processor, or of a thread
 *	kinds		a byte per unit: what it is
 *	idle		a byte per unit: free, but its pages are in use still
 *	struct unit	per unit
 *	bitmaps		64 words per unit: bit N is set if block N of a slab is free, and in
 *			no list
 *	tags		32 planes; plane P has 128 tags per unit, those of blocks 128 P to
 *			128 P + 127: so the tags of neighbouring units share pages
 *	blocks		units of 64 KiB, aligned to 2 MiB
 *
 * All that is known of blocks lies outside of them: nothing that a program writes behind
 * the end of a block, or into one that it has freed, can lead the heap astray.
 *
 * WHO IS RIGHT. `kinds` says which units are slabs, of which class, and which are large
 * blocks: a unit is given away by one store of one byte. The bitmap of a slab and the lists
 * say which blocks are free; the tag says whose an allocated one is. Lists of slabs and counts
 * follow from these, and are made anew when somebody has died while he changed them.
 *
 * WHERE A BLOCK IS: bit set in the bitmap; or in one list; or tag not 0, allocated. On its way
 * from one to the next it is in none, and whoever has it in his hands may be killed: then it
 * is lost, until fondue_heap_reclaim(), and nothing worse.
 */
#pragma once

#include <stdatomic.h>

#include <fondue/heap.h>

#include "base.h"
#include "classes.h"

/*
 * The heap takes its own locks as a program does, by the header's fast path: in files that
 * include this before they have seen that header, as those of the heap do.
 */
extern FONDUE_INSIDE unsigned long heap_self_at;
extern const struct fondue_spin_calls spin_calls;
#ifndef FONDUE_SPINLOCK_H
#define FONDUE_SELF_AT_	   heap_self_at
#define FONDUE_SPIN_CALLS_ (&spin_calls)
#endif
#include <fondue/spinlock.h>

#define HEAP_MAGIC   0x706165686e6f66ULL /* "fonheap", read as bytes on x86 */
#define HEAP_VERSION 2

#define UNIT_SHIFT 16
#define UNIT_SIZE  (1UL << UNIT_SHIFT)

/* struct heap's kinds[]: 1 to CLASSES is a slab of that class. */
#define KIND_FREE_UNIT 0
#define KIND_LARGE     0xfe /* the first unit of a large block */
#define KIND_REST      0xfd /* a further one; without a first one it is free */

#define BITMAP_WORDS 64

/* 0: free, or lost; otherwise who allocated it: see owners.c. */
typedef uint16_t tag;
#define TAG_FREE      0
#define TAG_NOBODY    0xffff /* allocated; by whom is not known */
#define PLANE_SHIFT   7
#define PLANES	      32

/* What a list of a processor holds at most, of one class. */
#define LIST_MAX 128

/*
 * Free blocks of one class, for the threads that run on one processor, or for one thread. One
 * store of `word` commits whatever is done to it: see cpu-lists.c.
 */
struct list {
	_Atomic uint64_t word; /* taken since the beginning (48 bits), in it now (16 bits) */
	uintptr_t blocks[LIST_MAX];
	uint64_t spare[7];
};
_Static_assert(sizeof(struct list) == 1088, "17 cache lines, an odd number: no aliasing");

#define LIST_COUNT 0xffff
#define LIST_TAKEN (1UL << 16)

static inline uint64_t list_word(const struct list *list)
{
	return atomic_load_explicit(&list->word, memory_order_relaxed);
}

static inline void list_commit(struct list *list, uint64_t word)
{
	/*
	 * release: the array before; pairs with the lock, or the life in the registry, by which
	 * the next one gets it, and with a reader of statistics
	 */
	atomic_store_explicit(&list->word, word, memory_order_release);
}

/*
 * Whose lists they are, in this order: of processors, for threads that are registered for rseq(2),
 * and kernels for more of them are rare; some under locks, for whoever has no others; and of
 * threads without rseq, by the numbers of their slots. Those that nobody uses take no memory.
 */
#define CPU_SIZE	 65536
#define CPUS_BY_RSEQ	 960
#define CPU_STRIPES	 64
#define CPU_FIRST_THREAD (CPUS_BY_RSEQ + CPU_STRIPES)
#define CPU_THREADS	 1024
#define CPUS		 (CPU_FIRST_THREAD + CPU_THREADS)

struct cpu {
	struct list lists[CLASSES + 1]; /* 0 is unused */
	fondue_spinlock_t lock; /* of CPU_STRIPES */
} __attribute__((aligned(CPU_SIZE)));
_Static_assert(sizeof(struct cpu) == CPU_SIZE, "the lists of one processor");

struct unit {
	uint32_t previous, next; /* slabs of a class with free blocks; 0: none */
	uint32_t free;		 /* bits set in the bitmap */
	uint32_t count;		 /* of a large block: its units */
	uint32_t is_listed;
	uint32_t home;		 /* of a slab: which list it is in, when it has free blocks */
	uint64_t size;		 /* of a large block: bytes that were asked for */
};

/*
 * Processors take from slabs of their own, or else they would take the cache lines of small
 * blocks, and of tags, from each other: as many sets of slabs as a class has are told apart.
 * With more processors than these some share one.
 */
#define HOMES 16

struct class_list {
	fondue_spinlock_t lock;
	uint32_t kept;	       /* slab that was all free when last looked at; 0: none */
	uint32_t spare;
	_Atomic uint64_t direct; /* allocated without a list of a processor */
	uint32_t first[HOMES]; /* slab with free blocks; 0: none */
} __attribute__((aligned(64)));

/* A process that has allocated: see owners.c. */
struct owner {
	_Atomic uint32_t pid;	    /* in its own pid namespace; 0: nobody */
	_Atomic uint32_t is_counted; /* of the last count of blocks */
	_Atomic uint64_t started;   /* clock ticks since boot, as /proc/PID/stat tells */
	_Atomic uint64_t namespace; /* inode of that */
};
#define OWNERS 65535 /* by tag; 0 is nobody */

struct heap {
	uint64_t magic;
	uint32_t version;
	uint32_t units; /* there are; unit 0 is never used */
	uint64_t size;	/* bytes of the mapping */
	/* under `lock`, which is taken while a class's lock is held, never the other way round */
	fondue_spinlock_t lock;
	uint32_t top;  /* units from here on have never been used */
	uint32_t hint; /* no unit below is free */
	_Atomic uint64_t used_units, idle_units;
	_Atomic uint64_t idle_at; /* ns, CLOCK_MONOTONIC: when idle pages were given back last */
	_Atomic uint64_t limit;   /* bytes; 0: none */
	_Atomic uint64_t refused;
	_Atomic uint64_t large; /* large blocks allocated since the beginning */
	fondue_spinlock_t owners_lock;
	_Atomic uint32_t owners_used; /* entries of owners[] that have been somebody's */
	_Atomic uint32_t threads_used; /* of CPU_THREADS, as many have been somebody's */
	_Atomic uint64_t lives; /* of processes, so far: see owners.h */
	_Atomic uint32_t unswept; /* so many go without a number before numbers are sought again */
	uint32_t spare;
	struct class_list classes[CLASSES + 1];
	struct owner owners[OWNERS];
};

/* This process's view: where the parts are. All constant once there is a heap. */
struct heap_map {
	struct heap *heap; /* NULL: there is none */
	struct cpu *cpus;
	uint8_t *kinds, *idle;
	struct unit *unit;
	uint64_t *bitmaps;
	tag *tags;
	char *blocks;
	size_t blocks_size;
	size_t plane; /* tags in a plane, but for one unit's: see tag_at() */
	/* what the usual way needs of a class */
	struct list *lists[CLASSES + 1]; /* of processor 0; the others' are CPU_SIZE apart */
	uint32_t divide[CLASSES + 1];
	uint16_t list_max[CLASSES + 1];
};

extern FONDUE_INSIDE struct heap_map heap_map;

/* Is it one of the heap's own? */
static inline bool heap_is_own_lock(const fondue_spinlock_t *lock)
{
	return (uintptr_t)lock - (uintptr_t)heap_map.heap <
	       (uintptr_t)heap_map.kinds - (uintptr_t)heap_map.heap;
}

static inline uint32_t unit_of(const void *block)
{
	return ((uintptr_t)block - (uintptr_t)heap_map.blocks) >> UNIT_SHIFT;
}

static inline char *unit_start(uint32_t unit)
{
	return heap_map.blocks + ((size_t)unit << UNIT_SHIFT);
}

/*
 * The tag of block @index of @unit. @index counts on into the tags of the next units, 128 for
 * each plane: so much less is a plane to the next one.
 */
static inline tag *tag_at(size_t unit, uint32_t index)
{
	return heap_map.tags + (index >> PLANE_SHIFT) * heap_map.plane +
	       (unit << PLANE_SHIFT) + index;
}
