/* SPDX-License-Identifier: MIT */
/*
 * classes.h - sizes that blocks have
 */
#pragma once

#include "base.h"

/*
 * 16 to 128 by steps of 16, then eight steps to each doubling up to 1 KiB, and four up to 32 KiB:
 * at most a ninth of a block beyond 128 bytes, and a fifth beyond 1 KiB, is not used.
 */
#define CLASSES	       52
#define CLASS_SIZE_MAX 32768

struct size_class {
	uint32_t size;	 /* bytes */
	uint32_t blocks; /* in a slab */
	uint32_t divide; /* times offset in the slab, >> 32: the block's number */
	uint16_t list;	 /* blocks that a list of a processor holds at most */
	uint16_t batch;	 /* blocks that are moved at a time */
};
_Static_assert(sizeof(struct size_class) == 16, "an index is a shift");

/* By class, from 1. */
extern FONDUE_INSIDE const struct size_class size_classes[CLASSES + 1];

#define CLASS_TABLE_MAX	 1024
#define CLASSES_IN_TABLE 32
extern FONDUE_INSIDE const uint8_t class_table[CLASS_TABLE_MAX / 16 + 1];

/* The class of blocks of @size bytes, 0 to CLASS_SIZE_MAX. */
static inline unsigned class_of(size_t size)
{
	unsigned doubling, step;

	if (size <= CLASS_TABLE_MAX)
		return class_table[(size + 15) / 16];
	doubling = 63 - __builtin_clzl(size - 1); /* 2^doubling < size */
	step = (size - 1) >> (doubling - 2) & 3;
	return CLASSES_IN_TABLE + (doubling - 10) * 4 + step + 1;
}

/* The number of the block at @offset in a slab of @class. */
static inline uint32_t class_index(unsigned class, uint32_t offset)
{
	return (uint64_t)offset * size_classes[class].divide >> 32;
}
