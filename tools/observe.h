/* SPDX-License-Identifier: MIT */
/* observe.h - to run a forking program and see what its children change; see observe.c */
#pragma once

#include "seen.h"

/* Addresses that one processor can watch. */
#define OBSERVE_WATCHED_MAX 4

struct observe_options {
	unsigned sample_ms; /* look at living children as often as this; 0: not */
	unsigned limit_s;   /* end the program after so many seconds; 0: never */
	/* To be watched by debug registers: by object and address, as an earlier run saw them. */
	const struct seen_variable *watched[OBSERVE_WATCHED_MAX];
	const char *watched_objects[OBSERVE_WATCHED_MAX]; /* their paths */
	uint64_t watched_offsets[OBSERVE_WATCHED_MAX];	  /* of the word in it */
	unsigned watched_widths[OBSERVE_WATCHED_MAX]; /* bytes of it; 0: as many as can be */
	unsigned watched_count;
};

/**
 * observe() - run a program to its end and see what its forked children do to globals
 * @argv: the program, looked for in PATH, and its arguments; NULL at the end
 *
 * Return: NULL, or why it could not be run or traced (to be freed by nobody); then @ret is empty.
 */
const char *observe(char *const *argv, const struct observe_options *options, struct seen *ret);
