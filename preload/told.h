/* SPDX-License-Identifier: MIT */
/*
 * told.h - what has been reported of an acquisition, and whose turn it is to report
 */
#pragma once

#include "layout.h"

/* An acquisition that lasts, as one who waits for its end has seen it. */
struct lasting {
	uintptr_t lock;	   /* where it is, and ... */
	uint32_t word;	   /* ... who has it: of the fast path the same for all that one holds */
	uint64_t since;	   /* ns, CLOCK_MONOTONIC: at least since then */
	uint64_t limit_ns; /* longer than this is too long */
};

/*
 * told_claim() - may slot @number report it now?
 *
 * Return: 0: it is the *ret_count-th report, from 0, and told_done() or told_withdraw() has to
 * follow; else the time to come again, ns.
 */
uint64_t told_claim(
	const struct lasting *lasting, uint32_t number, uint64_t now, unsigned *ret_count);

/* Claimed, and released before that: it is not reported, nor that it is over. */
void told_withdraw(const struct lasting *lasting, uint32_t number, unsigned count);

/* When the one after the @count-th is due, if that is told now; ns. */
uint64_t told_next(const struct lasting *lasting, uint64_t now, unsigned count);

/* It has been reported. Return: when the next report is due, ns; 0: it is over. */
uint64_t told_done(
	const struct lasting *lasting, uint32_t number, uint64_t now, unsigned count);

/* It lasts at least since @since, as it is reported. */
void told_keep_since(uintptr_t lock, uint32_t word, uint64_t since);

/* It is over. Return: has it been reported, and nobody said yet that it is over? */
bool told_take(uintptr_t lock, uint32_t word, uint64_t *ret_since);

/* Has it been reported, or is it being? */
bool told_is(uintptr_t lock, uint32_t word);

/* Is there a record of it, and has it not been released since that was made? */
bool told_lasts(uintptr_t lock, uint32_t word);

/* Nothing has been told of @word: its next acquisition is another one. */
void told_forget(uintptr_t lock, uint32_t word);

/*
 * told_leave(), told_take_back(), told_resume() - what one waiter has seen, for the next one
 *
 * Who gives up leaves since when it lasts, and the next one goes on from there: so a lock that
 * many wait for, each too briefly to report it, is reported. Only to be called while a
 * release would call told_end(): SLEEP is up, or the word is one of the runtime's. That release
 * may have come before: who finds so by a look at the lock takes back what it has left.
 *
 * told_resume() returns: does it last, since *ret_since?
 */
void told_leave(const struct lasting *lasting, uint64_t now);
void told_take_back(uintptr_t lock, uint32_t word);
bool told_resume(uintptr_t lock, uint32_t word, uint64_t *ret_since);

/* Its owner has released it. Return: who was to say so has given up waiting, or died. */
bool told_end(uintptr_t lock, uint32_t word);
