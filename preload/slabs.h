/* SPDX-License-Identifier: MIT */
/*
 * slabs.h - free blocks of a class, when the processor has none at hand, or too many
 */
#pragma once

#include "heap-layout.h"

/* Take up to @count. Return: how many; 0: no memory, or a signal handler came at a bad time. */
unsigned slabs_take(unsigned class, void **blocks, unsigned count);

/* Give them back. Return: false: a handler; they are in nobody's list then. */
bool slabs_give(unsigned class, void *const *blocks, unsigned count);
