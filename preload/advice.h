/* SPDX-License-Identifier: MIT */
/*
 * advice.h - what has been asked of a range of pages: protection, locks, advice
 */
#pragma once

#include "base.h"

/* What mlock() and madvise() set, and a new mapping in the same place would lose. */
enum advice {
	ADVICE_LOCKED = 1 << 0,
	ADVICE_ON_FAULT = 1 << 1, /* with LOCKED: pages are locked when they come */
	ADVICE_DONT_DUMP = 1 << 2,
	ADVICE_HUGE_PAGE = 1 << 3,
	ADVICE_NO_HUGE_PAGE = 1 << 4,
	/* the kernel has these for private pages only */
	ADVICE_DONT_FORK = 1 << 5,
	ADVICE_WIPE_ON_FORK = 1 << 6,
	ADVICE_MERGEABLE = 1 << 7,
};

/* Part of the range with advice of its own; parts without any are not listed. */
struct advice_piece {
	uint64_t start;
	uint64_t stop;
	unsigned advice; /* of enum advice */
};

/* Nobody has been seen to divide his globals into more; the rest is told as lost. */
#define ADVICE_PIECES_MAX 32

struct page_state {
	bool known;    /* false: /proc could not be read; the rest says nothing */
	bool ordinary; /* all of it mapped, private, readable, writable, not executable */
	bool cut;      /* there were more pieces */
	unsigned count;
	struct advice_piece pieces[ADVICE_PIECES_MAX];
};

/* Read the state of [start, stop) from /proc/self/smaps. */
void advice_read(uint64_t start, uint64_t stop, struct page_state *ret);

/*
 * advice_restore() - ask again what had been asked of the pages, piece by piece
 * @shared: they are shared now
 *
 * Return: name of the first property that could not be given, or NULL.
 */
const char *advice_restore(const struct page_state *state, bool shared);
