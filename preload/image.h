/* SPDX-License-Identifier: MIT */
/*
 * image.h - an object (program or library) reduced to what a proof needs
 *
 * The runtime fills it from dl_iterate_phdr(), `fondue check` from a file; addresses are
 * those of the address space in question, always 64 bits wide.
 */
#pragma once

#include <elf.h>

#include "base.h"

/* Real objects have 6 to 15 segments; more than this is refused by name. */
#define IMAGE_SEGMENTS_MAX 64

struct segment {
	uint32_t type;	   /* PT_* */
	uint32_t flags;	   /* PF_* */
	uint64_t start;
	uint64_t end;	   /* of its memory */
	uint64_t file_end; /* from here to `end` it is zero-filled and not in the file */
};

struct image {
	uint64_t base;	    /* what is added to the addresses in the file */
	uint64_t page_size; /* of the machine that runs it */
	unsigned word;	    /* bytes in a pointer of the object: 4 or 8 */
	unsigned count;
	struct segment segments[IMAGE_SEGMENTS_MAX];
};

/* The PT_LOAD with at least the access @flags that holds all of [start, end), or NULL. */
static inline const struct segment *image_load_holding(
	const struct image *image, uint64_t start, uint64_t end, uint32_t flags)
{
	for (unsigned i = 0; i < image->count; i++) {
		const struct segment *s = &image->segments[i];

		if (s->type == PT_LOAD && (s->flags & flags) == flags && start <= end &&
			s->start <= start && end <= s->end)
			return s;
	}
	return NULL;
}
