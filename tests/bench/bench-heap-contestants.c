/* SPDX-License-Identifier: MIT */
/*
 * bench-heap-contestants.c - the heaps
 *
 * Private ones, libc's and the two that replace it most often, show what a heap costs that
 * need not survive anything nor be shared: each process has its own. They are loaded beside
 * libc's and not instead of it, so all of them work in one process. Of the shared ones
 * OSSP mm, APR's and Boost's work in a piece of memory that is made before the fork, as large as
 * is asked for (mm: as it likes). "a mapping each" is what the lecture does, and what
 * <fondue/heap.h> does without the runtime: it is shared with children that come later, and with
 * nobody else.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef HAVE_APR
#include <apr_anylock.h>
#include <apr_general.h>
#include <apr_rmm.h>
#endif
#ifdef HAVE_MM
#include <mm.h>
#endif

#include <fondue/heap.h>

#include "bench-heap-loops.h"

/* What the largest scenario needs, and half as much again. */
#define POOL_SIZE (256UL << 20)

bool is_there[CONTESTANTS_MAX];

static bool always(void)
{
	return true;
}

#define ours_start always
#define ours_alloc fondue_malloc
#define ours_free  fondue_free
CONTESTANT(ours)

#define glibc_start always
#define glibc_alloc malloc
#define glibc_free  free
CONTESTANT(glibc)

/* Beside libc's: from a library that nobody else finds. */
static bool load(const char *library, const char *alloc, const char *free_name,
	alloc_function **ret_alloc, free_function **ret_free)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return false;
	*(void **)ret_alloc = dlsym(handle, alloc);
	*(void **)ret_free = dlsym(handle, free_name);
	return *ret_alloc && *ret_free;
}

#define LOADED(id, library, alloc, free)                                           \
	static alloc_function *id##_alloc_at;                                      \
	static free_function *id##_free_at;                                        \
	static bool id##_start(void)                                               \
	{                                                                          \
		return load(library, alloc, free, &id##_alloc_at, &id##_free_at);  \
	}                                                                          \
	INLINE void *id##_alloc(size_t size)                                       \
	{                                                                          \
		return id##_alloc_at(size);                                        \
	}                                                                          \
	INLINE void id##_free(void *block)                                         \
	{                                                                          \
		id##_free_at(block);                                               \
	}                                                                          \
	CONTESTANT(id)

LOADED(mimalloc, "libmimalloc.so.2", "mi_malloc", "mi_free")
LOADED(jemalloc, "libjemalloc.so.2", "malloc", "free")

#ifdef HAVE_MM
static MM *mm;

/* It gives what it can, and does not say how much that is. */
static bool ossp_start(void)
{
	mm = mm_create(POOL_SIZE, NULL);
	return mm != NULL;
}

static void *ossp_alloc(size_t size)
{
	return mm_malloc(mm, size);
}

static void ossp_free(void *block)
{
	mm_free(mm, block);
}
CONTESTANT(ossp)
#endif

#ifdef HAVE_APR
static apr_rmm_t *rmm;

static bool apr_start(void)
{
	static apr_anylock_t lock = { .type = apr_anylock_procmutex };
	apr_pool_t *pool;

	return apr_initialize() == APR_SUCCESS &&
	       apr_pool_create(&pool, NULL) == APR_SUCCESS &&
	       apr_proc_mutex_create(&lock.lock.pm, NULL, APR_LOCK_PROC_PTHREAD, pool) ==
		       APR_SUCCESS &&
	       apr_rmm_init(&rmm, &lock, shared_memory(POOL_SIZE), POOL_SIZE, pool) ==
		       APR_SUCCESS;
}

static void *apr_alloc(size_t size)
{
	apr_rmm_off_t offset = apr_rmm_malloc(rmm, size);

	return offset ? apr_rmm_addr_get(rmm, offset) : NULL;
}

static void apr_free(void *block)
{
	apr_rmm_free(rmm, apr_rmm_offset_get(rmm, block));
}
CONTESTANT(apr)
#endif

#ifdef HAVE_BOOST
/* bench-heap-boost.cc */
bool boost_start_in(void *memory, size_t size);
void *boost_alloc(size_t size);
void boost_free(void *block);

static bool boost_start(void)
{
	return boost_start_in(shared_memory(POOL_SIZE), POOL_SIZE);
}
CONTESTANT(boost)
#endif

static void *mapping_alloc(size_t size)
{
	return fondue_plain_alloc_(16, size);
}
#define mapping_start always
#define mapping_free  fondue_plain_free_
CONTESTANT(mapping)

const struct contestant contestants[] = {
	{ CONTESTANT_OURS, NULL, HEAP_SHARED, FUNCTIONS(ours) },
	{ CONTESTANT_GLIBC, NULL, HEAP_PRIVATE, FUNCTIONS(glibc) },
	{ "mimalloc", "libmimalloc2.0", HEAP_PRIVATE, FUNCTIONS(mimalloc) },
	{ "jemalloc", "libjemalloc2", HEAP_PRIVATE, FUNCTIONS(jemalloc) },
#ifdef HAVE_MM
	{ "OSSP mm", "libmm-dev", HEAP_SHARED, FUNCTIONS(ossp) },
#else
	{ "OSSP mm", "libmm-dev", HEAP_SHARED, .start = NULL },
#endif
#ifdef HAVE_APR
	{ "apr_rmm", "libaprutil1-dev", HEAP_SHARED, FUNCTIONS(apr) },
#else
	{ "apr_rmm", "libaprutil1-dev", HEAP_SHARED, .start = NULL },
#endif
#ifdef HAVE_BOOST
	{ CONTESTANT_BOOST, "libboost-dev", HEAP_SHARED, FUNCTIONS(boost) },
#else
	{ CONTESTANT_BOOST, "libboost-dev", HEAP_SHARED, .start = NULL },
#endif
	{ "a mapping each", NULL, HEAP_PRIVATE, FUNCTIONS(mapping) },
};

const unsigned contestant_count = sizeof(contestants) / sizeof(contestants[0]);

unsigned contestant_named(const char *name)
{
	unsigned i = 0;

	while (strcmp(contestants[i].name, name) != 0)
		i++;
	return i;
}

void contestants_start(void)
{
	for (unsigned i = 0; i < contestant_count; i++)
		is_there[i] = contestants[i].start && contestants[i].start();
}

void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		bench_fail("mmap");
	return memory;
}
