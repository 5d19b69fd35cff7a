/* SPDX-License-Identifier: MIT */
/*
 * heap-check.h - what the whole heap holds, block by block
 */
#pragma once

#include "heap-layout.h"

/* So many blocks are in two places, or in none that there is; set by a room above. */
extern void (*heap_damaged)(uint64_t blocks);

/* As in <fondue/heap.h>. */
int heap_stats(struct fondue_heap_figures *stats);
int heap_check(void (*visit)(const struct fondue_heap_dead *dead, void *arg), void *arg);
uint64_t heap_reclaim(int pid);
int heap_set_limit(uint64_t bytes);
