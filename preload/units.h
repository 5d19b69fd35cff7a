/* SPDX-License-Identifier: MIT */
/*
 * units.h - who has which 64 KiB of the shared heap
 */
#pragma once

#include "heap-layout.h"

/* Called before a unit is given away, under the lock. */
typedef void units_prepare(uint32_t unit, void *arg);

/*
 * units_get() - @count units in a row, the first of them marked @kind
 * @alignment: of its address, in units, a power of 2
 * @ret_clean: are all their bytes 0?
 *
 * Return: the first; 0: there are none, or the limit forbids it, or this thread is in the
 * middle of this already (a signal handler).
 */
uint32_t units_get(uint32_t count, uint32_t alignment, uint8_t kind, units_prepare *prepare,
	void *arg, bool *ret_clean);

/* Give them back. Return: false: as above, and they stay what they are. */
bool units_put(uint32_t unit, uint32_t count);

/* Give pages of free units back to the kernel: @all of them, or some that are old enough. */
void units_tidy(bool all);
