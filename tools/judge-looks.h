/* SPDX-License-Identifier: MIT */
/* judge-looks.h - what a changed variable looks like */
#pragma once

#include "judge-facts.h"

/* In the order in which they are asked for. */
enum looks_kind {
	LOOKS_LIBC,
	LOOKS_GUARD,
	LOOKS_LOCK,
	LOOKS_STREAM,
	LOOKS_STATE,
	LOOKS_PID,
	LOOKS_TIME,
	LOOKS_SIGNAL,
	LOOKS_SHARED_POINTER,
	LOOKS_PRIVATE_POINTER,
	LOOKS_HOLDER,
	LOOKS_COUNTING_HOLDER,
	LOOKS_POINTER,
	LOOKS_TEXT,
	LOOKS_BEST,
	LOOKS_STOCK,
	LOOKS_RESULT,
	LOOKS_COUNTER,
	LOOKS_BITMAP,
	LOOKS_TABLE,
	LOOKS_MARKS,
	LOOKS_PARTS,
	LOOKS_RECORDS,
	LOOKS_PARTLY,
	LOOKS_ONE,
	LOOKS_RESET,
	LOOKS_SUM,
	LOOKS_JUMP,
	LOOKS_FLAG,
	LOOKS_DESCRIPTOR,
	LOOKS_DOWN,
	LOOKS_MIXED,
};

struct looks {
	enum looks_kind kind;
	const char *name;
	int points; /* to begin with */
};

void looks_of(const struct facts *facts, struct looks *ret);

/* Words of the classes that may be a tally. */
size_t looks_good(const struct facts *facts);
