/* SPDX-License-Identifier: MIT */
/*
 * pages.h - what the kernel knows of a range of pages: contents, protection, advice
 */
#pragma once

#include "proof.h"

/* State of a mapping that a new mapping in its place would lose. */
struct page_state {
	bool known;    /* false: /proc could not be read; the rest says nothing */
	bool ordinary; /* all of it private, readable, writable, not executable */
	bool locked;
	bool dont_dump;
	bool huge_page;
	bool no_huge_page;
	bool dont_fork;	   /* cannot be kept: contradicts sharing */
	bool wipe_on_fork; /* cannot be kept: the kernel has it for private pages only */
	bool mergeable;	   /* cannot be kept, likewise */
};

/* Read the state of [start, stop) from /proc/self/smaps. */
struct page_state pages_state(uint64_t start, uint64_t stop);

/*
 * pages_restore() - give [start, stop) the state again that it had
 *
 * Return: name of the first property that could not be given, or NULL.
 */
const char *pages_restore(uint64_t start, uint64_t stop, const struct page_state *state);

/*
 * pages_copy() - copy the contents of @range to @to, a zero mapping of the same size
 *
 * Pages that hold only zeros are not written, and those the process never touched are
 * not even read where the kernel tells (pagemap): they stay unpopulated on both sides.
 */
void pages_copy(const struct range *range, void *to, size_t page_size);
