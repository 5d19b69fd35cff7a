/* SPDX-License-Identifier: MIT */
/*
 * heap-create.h - making the shared heap
 */
#pragma once

#include "heap-layout.h"

/* At start. @rseq_at: tells where libc has a thread's rseq area, from its pointer; or 0. */
void heap_start(long (*rseq_at)(void));

/* Reserve @size bytes, or as much as there is. Once, before the first fork. */
bool heap_create(size_t size);
