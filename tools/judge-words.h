/* SPDX-License-Identifier: MIT */
/* judge-words.h - a changed word by itself: what its two values look like */
#pragma once

#include "judge-kin.h"

enum word_class {
	WORD_COUNTER, /* grew, no faster than things are counted */
	WORD_RESULT,  /* a real number */
	WORD_BITS,    /* only bits were added, and many */
	WORD_FLAG,    /* among -1, 0 and 1 */
	WORD_LOWERED, /* less than before, but not 0 */
	WORD_RESET,   /* to 0 */
	WORD_JUMP, /* grew faster than things are counted: a hash, a seed, a sum of products */
	WORD_CURSOR, /* would be a counter, but its name says position */
	WORD_DESCRIPTOR,
	WORD_TEXT,
	WORD_PID,
	WORD_TIME,
	WORD_SHARED,  /* a pointer into shared memory */
	WORD_PRIVATE, /* a pointer into memory that only this process has */
	WORD_POINTER, /* to code or data of the program, or to nothing any more */
	WORD_OTHER,
	WORD_CLASSES
};

struct word {
	uint64_t offset;
	unsigned width;
	enum seen_encoding encoding;
	const char *member; /* or NULL */
	uint64_t before, after;
	enum word_class class;
};

/*
 * words_judge() - the words of one change, each in its class
 *
 * Return: how many; more than were seen where one of 8 bytes was two numbers.
 */
size_t words_judge(const struct kin *kin, const struct seen_change *change, struct word **ret);

/* The value as a number, a sign or a fraction taken for what it is. */
long double words_value(const struct word *word, uint64_t bits);

/* "counter", "flag": for lists of what was left alone. */
const char *words_class_name(enum word_class class);
