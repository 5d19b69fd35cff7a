/* SPDX-License-Identifier: MIT */
/*
 * pages.c - copying without touching
 *
 * A gigabyte of FONDUE_SHARED_ZERO that nobody has used yet must cost no memory and no
 * time. So before a zero-filled page is read, /proc/self/pagemap is asked whether it
 * exists at all. Pages backed by the file are read in any case: they may have contents
 * without having been touched. A page with nothing but zeros is never written.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "pages.h"

/* pagemap: one 64-bit entry for each page; a page is there if in memory or in swap */
#define PAGEMAP_THERE (3ULL << 62)
/* Entries for each read: 2 MiB of address space for 4 KiB of our caller's stack. */
#define PAGEMAP_BATCH 512

/* Own loop: memcpy() may be a sanitizer's, and would look at the redzones between variables. */
FONDUE_UNINSTRUMENTED static void copy_page(const void *from, void *to, size_t size)
{
	/* volatile: or the compiler makes the very call that is to be avoided */
	const volatile unsigned long *source = from;
	volatile unsigned long *target = to;
	unsigned long bits = 0;

	for (size_t i = 0; i < size / sizeof(*source); i++)
		bits |= source[i];
	for (size_t i = 0; bits && i < size / sizeof(*source); i++)
		target[i] = source[i];
}

static void copy_all(uint64_t start, uint64_t stop, uint8_t *to, size_t page_size)
{
	for (uint64_t page = start; page < stop; page += page_size)
		copy_page((const void *)page, to + (page - start), page_size);
}

static void copy_populated(
	int pagemap, uint64_t start, uint64_t stop, uint8_t *to, size_t page_size)
{
	uint64_t entries[PAGEMAP_BATCH];

	while (start < stop) {
		uint64_t wanted = (stop - start) / page_size;
		long got;

		if (wanted > PAGEMAP_BATCH)
			wanted = PAGEMAP_BATCH;
		got = sys_call(SYS_pread64, pagemap, entries, wanted * sizeof(entries[0]),
			start / page_size * sizeof(entries[0]));
		if (got <= 0) { /* a sandbox, perhaps: then every page is looked at */
			copy_all(start, stop, to, page_size);
			return;
		}
		for (uint64_t i = 0; i < (uint64_t)got / sizeof(entries[0]); i++) {
			if (entries[i] & PAGEMAP_THERE)
				copy_page((const void *)start, to, page_size);
			start += page_size;
			to += page_size;
		}
	}
}

void pages_copy(const struct range *range, void *to, size_t page_size)
{
	/* the page in which the file ends is its, the rest of that page is zero */
	uint64_t zero = align_down(range->file_end + page_size - 1, page_size);
	long pagemap;

	if (zero < range->start)
		zero = range->start;
	if (zero > range->stop)
		zero = range->stop;
	copy_all(range->start, zero, to, page_size);
	if (zero == range->stop)
		return;
	pagemap = sys_call(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	copy_populated(
		pagemap, zero, range->stop, (uint8_t *)to + (zero - range->start), page_size);
	if (pagemap >= 0)
		(void)sys_call(SYS_close, pagemap);
}
