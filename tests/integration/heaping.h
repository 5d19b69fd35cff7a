/* SPDX-License-Identifier: MIT */
/*
 * heaping.h - what the tests of the heap share: stamps, figures, children that do something
 *
 * A block is stamped at both ends with what tells it apart from all others. A block that was
 * given away twice loses its stamp; one that is reported as given back too often shows in the
 * figures.
 */
#pragma once

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <time.h>

#include <fondue/heap.h>

#include "../unit/unit.h"

#define KIB (1UL << 10)
#define MIB (1UL << 20)

static inline struct fondue_heap_figures figures(void)
{
	struct fondue_heap_figures stats = { .size = sizeof(stats) };

	if (fondue_heap_stats(&stats))
		stats.size = 0;
	return stats;
}

/* The heap is whole, and nothing is on its way. */
static inline bool is_whole(void)
{
	return fondue_heap_check(NULL, NULL) == 0 && figures().lost_blocks == 0;
}

/* 8 bytes at each end, of blocks of 16 bytes and more. */
static inline void stamp(void *block, size_t size, uint64_t what)
{
	memcpy(block, &what, sizeof(what));
	memcpy((char *)block + size - sizeof(what), &what, sizeof(what));
}

static inline bool is_stamped(const void *block, size_t size, uint64_t what)
{
	return memcmp(block, &what, sizeof(what)) == 0 &&
	       memcmp((const char *)block + size - sizeof(what), &what, sizeof(what)) == 0;
}

static inline bool is_all(const void *block, unsigned char value, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)block;

	return size == 0 || (*bytes == value && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static inline bool is_aligned_to(const void *block, size_t alignment)
{
	return ((uintptr_t)block & (alignment - 1)) == 0;
}

/* A child that plays @work and ends, with us at the latest. */
static inline pid_t start(int (*work)(void))
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	_exit(work());
}

static inline bool does(int (*work)(void))
{
	return unit_wait(start(work)) == CHILD_GOOD;
}

static inline uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/*
 * A scenario in a child of its own, on a heap without blocks: what it leaves behind is given
 * back. The heap is whole afterwards, whatever has happened.
 */
static inline bool heap_plays(int (*play)(void))
{
	bool good = unit_plays(play);

	fondue_heap_set_limit(0);
	fondue_heap_reclaim(0);
	return good && is_whole() && figures().blocks == 0;
}

#define test_heap(name, play) test(name, heap_plays(play))
