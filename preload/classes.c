/* SPDX-License-Identifier: MIT */
/*
 * classes.c - the table of sizes, computed by the compiler
 *
 * A slab of 64 KiB holds blocks of one size, so that a block's number follows from its address
 * by a multiplication: `divide` is 2^32 / size, rounded up, which is exact for all offsets
 * below 64 KiB; and the lower half of the product is less than 64 Ki for the start of a block, and
 * at least `divide`, 128 Ki or more, for everything else. A list of a processor holds some 64 KiB of large blocks, and not more than 128
 * small ones: what it holds is at hand for others only when that processor gives it back.
 */
#include "classes.h"

#define SLAB 65536
#define LIST(size)                                                                       \
	(SLAB / (size) > 128 ? 128 : SLAB / (size) < 4 ? 4 : SLAB / (size))
#define CLASS(size)                                                                      \
	{ size, SLAB / (size), ((1ULL << 32) + (size) - 1) / (size), LIST(size),         \
		LIST(size) / 2 }
#define FOUR(b)	CLASS((b) / 4 * 5), CLASS((b) / 4 * 6), CLASS((b) / 4 * 7), CLASS((b) * 2)
#define EIGHT(b)                                                                         \
	CLASS((b) / 8 * 9), CLASS((b) / 8 * 10), CLASS((b) / 8 * 11), CLASS((b) / 8 * 12), \
		CLASS((b) / 8 * 13), CLASS((b) / 8 * 14), CLASS((b) / 8 * 15), CLASS((b) * 2)

const struct size_class size_classes[CLASSES + 1] = {
	{ 0, 0, 0, 0, 0 },
	CLASS(16), CLASS(32), CLASS(48), CLASS(64), CLASS(80), CLASS(96), CLASS(112), CLASS(128),
	EIGHT(128), EIGHT(256), EIGHT(512),
	FOUR(1024), FOUR(2048), FOUR(4096), FOUR(8192), FOUR(16384),
};

/* By (size + 15) / 16, up to CLASS_TABLE_MAX; 0 is the smallest. */
const uint8_t class_table[CLASS_TABLE_MAX / 16 + 1] = {
	1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
	13, 14, 15, 16, 17, 17, 18, 18, 19, 19, 20, 20, 21,
	21, 22, 22, 23, 23, 24, 24, 25, 25, 25, 25, 26, 26,
	26, 26, 27, 27, 27, 27, 28, 28, 28, 28, 29, 29, 29,
	29, 30, 30, 30, 30, 31, 31, 31, 31, 32, 32, 32, 32,
};
