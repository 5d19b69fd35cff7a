/* SPDX-License-Identifier: MIT */
/*
 * fondue/heap.h - memory that a whole fork family shares, piece by piece
 *
 *	struct job *job = fondue_malloc(sizeof(*job));	in any process of the family
 *	fondue_free(job);				in any other
 *
 * Under libfondue.so there is one heap for all processes that descend from the one that
 * loaded it. It may be used before a fork and after it, by every process and thread: a
 * block is at the same address everywhere, whoever has allocated it and whenever, so
 * pointers to it may lie in other blocks and in FONDUE_SHARED globals. What is private
 * stays private: malloc() is not touched.
 *
 * A process that is killed in the middle of an allocation leaves the heap whole. What it had
 * allocated stays, for others may be using it: fondue_heap_stats() counts it,
 * fondue_heap_check() names it, fondue_heap_reclaim() gives it back, and nobody else does.
 * What is freed twice, or was never allocated, is refused and said.
 *
 * Without the runtime each block is a mapping of its own, as in the lecture that this comes
 * from: shared with the children that are forked after it was allocated, and slow. So it is,
 * and is said, in a process that had forked before its first object that uses the heap was
 * loaded, and where there are not even 100 MiB of addresses for it. Nothing is linked.
 *
 *  - Alignment is 16. Size 0 is a block of its own, of 16 bytes.
 *  - Failure is NULL and errno ENOMEM; nothing else touches errno.
 *  - Not to be given to free(), nor malloc()'s memory to fondue_free(), which says so.
 *  - A pointer to private memory in a block means nothing to the others.
 *  - A signal handler may fork. If it may have come in the middle of one of these calls, its
 *    child may use the heap in the handler, and must not return from it: the call is the
 *    parent's, who finishes it, and would be done twice.
 *  - Ordering: who passes a block to another process does so by a lock or a release store,
 *    as between threads; the heap orders nothing but its own data.
 *
 * C99 to C23 and C++11 to C++20, gcc and clang.
 */
#ifndef FONDUE_HEAP_H
#define FONDUE_HEAP_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <fondue/shared.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes and blocks of the whole family. While it works they are of about the same moment. */
struct fondue_heap_figures {
	uint64_t size;		/* of this structure, set by the caller */
	uint64_t reserved;	/* bytes of addresses: more there will never be */
	uint64_t used;		/* bytes in slabs and large blocks, free blocks in them included */
	uint64_t idle;		/* bytes that are free, but have not been given back to the kernel */
	uint64_t limit;		/* bytes that `used` may reach; 0: all that is reserved */
	uint64_t blocks;	/* allocated now */
	uint64_t bytes;		/* in them, as fondue_malloc_usable_size() tells it */
	uint64_t allocations;	/* since the beginning */
	uint64_t dead_blocks;	/* of `blocks`, allocated by processes that have ended */
	uint64_t dead_bytes;
	uint64_t lost_blocks;	/* free, but in no list: whoever had them in his hands was killed */
	uint64_t refused;	/* frees that were refused */
};

/* One that has ended and what it has left behind, for fondue_heap_check(). */
struct fondue_heap_dead {
	int pid; /* as it was numbered itself */
	uint64_t blocks, bytes;
};

/* The part of the heap that is not inline; struct fondue_runtime points to it. */
struct fondue_heap_calls {
	void *(*malloc)(size_t size);
	void *(*calloc)(size_t count, size_t size);
	void *(*realloc)(void *block, size_t size);
	void *(*aligned_alloc)(size_t alignment, size_t size);
	void (*free)(void *block);
	void (*free_sized)(void *block, size_t size);
	size_t (*usable_size)(const void *block);
	int (*stats)(struct fondue_heap_figures *stats);
	int (*check)(void (*visit)(const struct fondue_heap_dead *, void *), void *arg);
	uint64_t (*reclaim)(int pid);
	int (*set_limit)(uint64_t bytes);
};

#if defined(__ELF__) && defined(__GNUC__) && !defined(FONDUE_DISABLE)
/* A note of type 4, empty: this object uses the heap, so there has to be one. */
__extension__ __asm__(".pushsection .note.fondue,\"a\",%note\n\t.balign 4\n"
	"\t.long 7, 0, 4\n\t.asciz \"fondue\"\n\t.balign 4\n.popsection\n");
#define FONDUE_HEAP_CALLS_ (fondue_binding_.heap)
#else
#define FONDUE_HEAP_CALLS_ ((const struct fondue_heap_calls *)0)
#endif

/* <sys/mman.h> does not tell it in strict C. */
#if defined(MAP_ANONYMOUS)
#define FONDUE_ANONYMOUS_ MAP_ANONYMOUS
#elif defined(__mips__) || defined(__xtensa__)
#define FONDUE_ANONYMOUS_ 0x800
#elif defined(__alpha__) || defined(__hppa__)
#define FONDUE_ANONYMOUS_ 0x10
#else
#define FONDUE_ANONYMOUS_ 0x20
#endif

/*
 * Without a runtime: before each block lies how it was mapped.
 */
struct fondue_plain_block_ {
	size_t size;   /* that was asked for */
	size_t mapped; /* bytes */
	void *at;      /* where the mapping begins */
	size_t mark;   /* FONDUE_PLAIN_MARK_, mixed with the address */
	char spare[32];
};
#define FONDUE_PLAIN_MARK_ ((size_t)0x66756e64u)

static __inline__ struct fondue_plain_block_ *fondue_plain_head_(const void *block)
{
	return (struct fondue_plain_block_ *)(uintptr_t)block - 1;
}

static __attribute__((noinline, unused)) void *fondue_plain_alloc_(size_t alignment, size_t size)
{
	size_t room = sizeof(struct fondue_plain_block_) + (alignment > 64 ? alignment : 64);
	struct fondue_plain_block_ *head;
	uintptr_t block;
	void *at;

	if (size > SIZE_MAX / 4 || room > SIZE_MAX / 4) {
		errno = ENOMEM;
		return NULL;
	}
	size = size ? size : 16;
	at = mmap(NULL, size + room, PROT_READ | PROT_WRITE, MAP_SHARED | FONDUE_ANONYMOUS_, -1, 0);
	if (at == MAP_FAILED) {
		errno = ENOMEM;
		return NULL;
	}
	block = (uintptr_t)at + sizeof(*head);
	block = (block + alignment - 1) & ~(uintptr_t)(alignment - 1);
	head = fondue_plain_head_((void *)block);
	head->size = size;
	head->mapped = size + room;
	head->at = at;
	head->mark = FONDUE_PLAIN_MARK_ ^ (size_t)block;
	return (void *)block;
}

static __attribute__((noinline, unused)) void fondue_plain_free_(void *block)
{
	struct fondue_plain_block_ *head = fondue_plain_head_(block);
	int saved = errno;

	if (head->mark == (FONDUE_PLAIN_MARK_ ^ (size_t)(uintptr_t)block))
		(void)munmap(head->at, head->mapped);
	errno = saved;
}

/**
 * fondue_aligned_alloc() - allocate with an alignment
 * @alignment: bytes, a power of 2
 *
 * Return: as fondue_malloc(); NULL and EINVAL for an alignment that is none. Since: 0.1
 */
static __inline__ void *fondue_aligned_alloc(size_t alignment, size_t size)
{
	if (!alignment || (alignment & (alignment - 1))) {
		errno = EINVAL;
		return NULL;
	}
	return FONDUE_HEAP_CALLS_ ? FONDUE_HEAP_CALLS_->aligned_alloc(alignment, size) :
				    fondue_plain_alloc_(alignment < 16 ? 16 : alignment, size);
}

/**
 * fondue_malloc() - allocate memory that the family shares
 * @size: bytes; 0 is as 1
 *
 * What is in it is not defined. Safety: thread-safe. In a signal handler it may return NULL
 * where it would not otherwise; in the child of a vfork() it must not be called.
 * Return: the block, aligned to 16; NULL and errno ENOMEM. Since: 0.1
 */
static __inline__ void *fondue_malloc(size_t size)
{
	return FONDUE_HEAP_CALLS_ ? FONDUE_HEAP_CALLS_->malloc(size) :
				    fondue_plain_alloc_(16, size);
}

/**
 * fondue_calloc() - the same for an array, all zero
 *
 * Return: as fondue_malloc(); NULL when @count times @size overflows, too. Since: 0.1
 */
static __inline__ void *fondue_calloc(size_t count, size_t size)
{
	if (FONDUE_HEAP_CALLS_)
		return FONDUE_HEAP_CALLS_->calloc(count, size);
	if (size && count > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return fondue_plain_alloc_(16, count * size);
}

/**
 * fondue_free() - give a block back
 * @block: of any process of the family; NULL is ignored
 *
 * Refused, and said, is what is no block that is allocated now. Keeps errno.
 * Safety: thread-safe; in a signal handler too, where blocks may be lost in the end that
 * others are in the way of: until fondue_heap_reclaim(0). Since: 0.1
 */
static __inline__ void fondue_free(void *block)
{
	if (!block)
		return;
	if (FONDUE_HEAP_CALLS_)
		FONDUE_HEAP_CALLS_->free(block);
	else
		fondue_plain_free_(block);
}

/**
 * fondue_free_sized() - the same, with the size that was asked for, which is checked
 *
 * Since: 0.1
 */
static __inline__ void fondue_free_sized(void *block, size_t size)
{
	if (!block)
		return;
	if (FONDUE_HEAP_CALLS_)
		FONDUE_HEAP_CALLS_->free_sized(block, size);
	else
		fondue_plain_free_(block);
}

/**
 * fondue_malloc_usable_size() - bytes that may be used of @block; of NULL: 0
 *
 * Since: 0.1
 */
static __inline__ size_t fondue_malloc_usable_size(const void *block)
{
	if (!block)
		return 0;
	return FONDUE_HEAP_CALLS_ ? FONDUE_HEAP_CALLS_->usable_size(block) :
				    fondue_plain_head_(block)->size;
}

/**
 * fondue_realloc() - make a block larger or smaller; it may move
 * @block: NULL: as fondue_malloc()
 * @size: 0: as 1, and not as fondue_free()
 *
 * Return: the block; NULL and ENOMEM, and the old one stays. Since: 0.1
 */
static __inline__ void *fondue_realloc(void *block, size_t size)
{
	void *fresh;
	size_t old;

	if (FONDUE_HEAP_CALLS_)
		return FONDUE_HEAP_CALLS_->realloc(block, size);
	fresh = fondue_plain_alloc_(16, size);
	if (!fresh || !block)
		return fresh;
	old = fondue_plain_head_(block)->size;
	memcpy(fresh, block, old < size ? old : size);
	fondue_plain_free_(block);
	return fresh;
}

/**
 * fondue_strdup() - a copy of a string in the shared heap
 *
 * Return: as fondue_malloc(). Since: 0.1
 */
static __inline__ char *fondue_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = (char *)fondue_malloc(size);

	return copy ? (char *)memcpy(copy, text, size) : NULL;
}

/**
 * fondue_heap_stats() - what the heap holds
 * @stats: its size member says how much room there is
 *
 * Takes as long as it takes to look at every block. Return: 0; ENOSYS without a heap.
 * Since: 0.1
 */
static __inline__ int fondue_heap_stats(struct fondue_heap_figures *stats)
{
	return FONDUE_HEAP_CALLS_ ? FONDUE_HEAP_CALLS_->stats(stats) : ENOSYS;
}

/**
 * fondue_heap_check() - audit the heap
 * @visit: called for each process that has ended and left blocks behind; may be NULL
 *
 * Every block must be in exactly one place: allocated, or in one list of free ones. To be
 * called while nobody allocates or frees; otherwise what is on its way counts as lost.
 * Return: 0; EBADMSG when the heap is damaged, which is said; ENOSYS without one. Since: 0.1
 */
static __inline__ int fondue_heap_check(
	void (*visit)(const struct fondue_heap_dead *dead, void *arg), void *arg)
{
	return FONDUE_HEAP_CALLS_ ? FONDUE_HEAP_CALLS_->check(visit, arg) : ENOSYS;
}

/**
 * fondue_heap_reclaim() - free what processes that have ended have left behind
 * @pid: of one of them, as it was numbered itself; 0: of all, and what is lost
 *
 * That nobody uses those blocks any more only the caller can know; with @pid 0 also that
 * nobody allocates or frees meanwhile. Return: blocks that were freed. Since: 0.1
 */
static __inline__ uint64_t fondue_heap_reclaim(int pid)
{
	return FONDUE_HEAP_CALLS_ ? FONDUE_HEAP_CALLS_->reclaim(pid) : 0;
}

/**
 * fondue_heap_set_limit() - so many bytes may be in use by the family, and no more
 * @bytes: 0: no limit
 *
 * Beyond it fondue_malloc() fails, rather than the kernel kill somebody. Return: 0; ENOSYS.
 * Since: 0.1
 */
static __inline__ int fondue_heap_set_limit(uint64_t bytes)
{
	return FONDUE_HEAP_CALLS_ ? FONDUE_HEAP_CALLS_->set_limit(bytes) : ENOSYS;
}

#ifdef __cplusplus
}
#endif

#endif
