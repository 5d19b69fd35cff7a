/* SPDX-License-Identifier: MIT */
/*
 * owners.h - whose a block is: a number of 16 bits for each process
 */
#pragma once

#include "heap-layout.h"

/* Holds this process's own; wiped in every child. Never NULL once there is a heap. */
extern FONDUE_INSIDE volatile tag *owners_mine;

void owners_start(void);

/* A number for this process, which has none yet. */
tag owners_claim(void);

static inline tag owners_self(void)
{
	tag mine = *owners_mine;

	return mine ? mine : owners_claim();
}

/* Has the process ended whose number @owner is? False, too, if that cannot be known here. */
bool owners_is_dead(tag owner);

/* Its process id, as it is numbered itself. */
int owners_pid(tag owner);
