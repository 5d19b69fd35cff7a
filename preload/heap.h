/* SPDX-License-Identifier: MIT */
/*
 * heap.h - the shared heap: what a program calls
 */
#pragma once

#include "heap-create.h"

/*
 * What happens to a program's frees that make no sense; a room above says it.
 * @pc: where the program called
 */
extern void (*heap_refused)(const void *block, const char *why, tag owner, uintptr_t pc);

extern const struct fondue_heap_calls heap_calls;
