/* SPDX-License-Identifier: MIT */
/*
 * owners.h - whose a block is: a number of 16 bits for each process
 */
#pragma once

#include "heap-layout.h"

/* What this process is; wiped in every child. */
struct owners_here {
	tag mine;      /* its number; TAG_FREE: it has none yet */
	/*
	 * Tells it from all processes that ever were; a multiple of OWNERS_LIFE. 0: it cannot be
	 * told from its parent, or has no number yet.
	 */
	uint64_t life;
};
#define OWNERS_LIFE 65536
extern FONDUE_INSIDE volatile struct owners_here *owners_here;

void owners_start(void);

/* A number for this process, which has none yet. */
tag owners_claim(void);

static inline tag owners_self(void)
{
	tag mine = owners_here->mine;

	return mine ? mine : owners_claim();
}

/* The pid namespace whose processes can be seen from here; 0: none. Takes some system calls. */
uint64_t owners_view(void);

/*
 * Has the process ended whose number @owner is? False, too, if that cannot be known here.
 * @view: as owners_view() tells
 */
bool owners_is_dead_in(uint64_t view, tag owner);
bool owners_is_dead(tag owner);

/* Its process id, as it is numbered itself. */
int owners_pid(tag owner);
