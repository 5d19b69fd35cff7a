/* SPDX-License-Identifier: MIT */
/*
 * heap-made.h - a heap for one scenario, with and without restartable sequences
 */
#pragma once

#include "cpu-lists.h"
#include "heap-check.h"
#include "heap.h"
#include "identity.h"
#include "owners.h"
#include "registry.h"
#include "slabs.h"
#include "spinlock.h"
#include "thread-lists.h"
#include "unit.h"
#include "units.h"

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

static inline bool has_rseq(void)
{
	return &__rseq_size && __rseq_size;
}

static inline long rseq_where(void)
{
	return has_rseq() ? __rseq_offset : 0;
}

/* In a child that has none. */
static inline bool make_heap(size_t size, bool with_rseq)
{
	if (!registry_create())
		return false;
	identity_start();
	heap_start(with_rseq ? rseq_where : NULL);
	return heap_create(size);
}

static inline struct fondue_heap_figures figures(void)
{
	struct fondue_heap_figures stats = { .size = sizeof(stats) };

	(void)heap_stats(&stats);
	return stats;
}

/* Somebody takes @lock, does @what, and is killed. */
static inline bool dies_with(fondue_spinlock_t *lock, void (*what)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		if (spin_calls.lock(lock, NULL))
			_exit(1);
		what();
		raise(SIGKILL);
	}
	return unit_wait(pid) == 1000 + SIGKILL;
}
