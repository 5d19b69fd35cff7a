/* SPDX-License-Identifier: MIT */
/*
 * heap.h - the shared heap
 */
#pragma once

#include "heap-layout.h"

/* What happens to a program's frees that make no sense; a room above says it. */
struct heap_watch {
	/* @pc: where the program called */
	void (*refused)(const void *block, const char *why, tag owner, uintptr_t pc);
	void (*damaged)(uint64_t blocks);
};
extern struct heap_watch heap_watch;

/* At start. @rseq_at: tells where libc has the thread's rseq area, from the thread pointer; or 0. */
void heap_start(long (*rseq_at)(void));

/* Reserve @size bytes, or as much as there is. Once, before the first fork. */
bool heap_create(size_t size);

extern const struct fondue_heap_calls heap_calls;
