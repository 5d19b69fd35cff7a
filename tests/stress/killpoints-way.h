/* SPDX-License-Identifier: MIT */
/*
 * killpoints-way.h - the way that a victim takes, and places on it
 */
#pragma once

#include "killpoints.h"

/* Where a victim may die: before an instruction, when it comes there for the Nth time. */
struct place {
	uintptr_t at;
	unsigned step;	   /* of the way, counted from 0 */
	unsigned arrivals; /* how often it comes there, this time included */
	unsigned repeats;  /* ... and stays: an instruction that is repeated (rep) */
};

/* WAY_ENDED: its operation is over, or the victim is gone. */
enum way { WAY_DONE, WAY_ENDED, WAY_LOST };

/* Lead @victim to the end of its operation step by step, and note where it comes by. */
enum way way_explore(struct victim *victim);

/* So many steps that was. */
unsigned way_steps(void);

/*
 * The places on it where a death is another one: of a loop the first rounds and the last.
 * Return: how many.
 */
unsigned way_places(const struct place **ret);

/* Lead @victim there from the beginning. WAY_ENDED: it went another way this time. */
enum way way_lead(struct victim *victim, const struct place *place);
