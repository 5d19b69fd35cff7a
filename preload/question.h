/* SPDX-License-Identifier: MIT */
/*
 * question.h - the one word that asking and answering hang on
 *
 * Both sides may die at any step, or be late by hours. The asker takes a place, writes whom it
 * asks, makes it ASKED and sends the signal; what comes with the signal, the cookie, is the
 * place and its generation. The handler answers only what is ASKED, in that generation, of
 * this very thread, and makes it WRITING while it does; so an answer that comes too late
 * finds another word and is dropped. A place in which somebody may be writing is left to him
 * until he has finished or is dead. One that its asker has died with is taken over by the
 * next who looks. The word is described in layout.h.
 */
#pragma once

#include "layout.h"

/* <linux/futex.h>, which musl's compiler does not find; of processes, so not "private" */
#define QUESTION_WAKE 1
#define QUESTION_WAIT 9 /* FUTEX_WAIT_BITSET: its time-out is absolute, CLOCK_MONOTONIC */

#define QUESTION_PHASE_MASK	   3
#define QUESTION_GENERATION_SHIFT  2
#define QUESTION_GENERATION_MASK   0x3fffULL
#define QUESTION_ASKER_SHIFT	   16
#define QUESTION_ASKER_MASK	   0xffffULL
#define QUESTION_INCARNATION_SHIFT 32

static inline enum question_phase question_phase_of(uint64_t state)
{
	return state & QUESTION_PHASE_MASK;
}

static inline uint32_t question_generation(uint64_t state)
{
	return state >> QUESTION_GENERATION_SHIFT & QUESTION_GENERATION_MASK;
}

static inline uint32_t question_asker(uint64_t state)
{
	return state >> QUESTION_ASKER_SHIFT & QUESTION_ASKER_MASK;
}

static inline uint64_t question_in_phase(uint64_t state, enum question_phase phase)
{
	return (state & ~(uint64_t)QUESTION_PHASE_MASK) | phase;
}

/* Still WRITING, of the same generation, but nobody waits for it. */
static inline uint64_t question_abandoned(uint64_t state)
{
	return state & (QUESTION_GENERATION_MASK << QUESTION_GENERATION_SHIFT |
			       QUESTION_PHASE_MASK);
}

static inline uint64_t question_next(uint64_t state, enum question_phase phase)
{
	uint64_t generation = (question_generation(state) + 1) & QUESTION_GENERATION_MASK;

	return generation << QUESTION_GENERATION_SHIFT | phase;
}

/* What comes with the signal: that it is ours (32 bits), the place (16), the generation. */
#define QUESTION_COOKIE	      (0x66756475ULL << 32) /* "fudu" */
#define QUESTION_COOKIE_MASK  (~0ULL << 32)
#define QUESTION_COOKIE_PLACE 16

static inline uint64_t question_cookie(uint32_t place, uint64_t state)
{
	return QUESTION_COOKIE | (uint64_t)place << QUESTION_COOKIE_PLACE |
	       question_generation(state);
}
