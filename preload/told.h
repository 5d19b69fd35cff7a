/* SPDX-License-Identifier: MIT */
/*
 * told.h - what has been reported of an acquisition, and whose turn it is to report
 */
#pragma once

#include "layout.h"

/* An acquisition that lasts, as one who waits for its end has seen it. */
struct lasting {
	uint32_t word;	   /* the lock's */
	uint64_t since;	   /* ns, CLOCK_MONOTONIC: at least since then */
	uint64_t limit_ns; /* longer than this is too long */
};

/*
 * told_claim() - may slot @number report it now?
 *
 * Return: 0: it is the *ret_count-th report, from 0, and told_done() has to follow; else the
 * time to come again, ns.
 */
uint64_t told_claim(
	const struct lasting *lasting, uint32_t number, uint64_t now, unsigned *ret_count);

/* When the one after the @count-th is due, if that is told now; ns. */
uint64_t told_next(const struct lasting *lasting, uint64_t now, unsigned count);

/* It has been reported. Return: when the next report is due, ns. */
uint64_t told_done(
	const struct lasting *lasting, uint32_t number, uint64_t now, unsigned count);

/* Since when the acquisition @word lasts, as it was reported. */
void told_keep_since(uint32_t word, uint64_t since);

/* It is over. Return: has it been reported, and nobody said yet that it is over? */
bool told_take(uint32_t word, uint64_t *ret_since);

/* Has it been reported, or is it being? */
bool told_is(uint32_t word);

/* Nothing has been told of @word: its next acquisition is another one. */
void told_forget(uint32_t word);
