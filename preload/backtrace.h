/* SPDX-License-Identifier: MIT */
/*
 * backtrace.h - where a thread is, for people: frames with objects, offsets and names
 */
#pragma once

#include "names.h"
#include "unwind.h"

#define BACKTRACE_MAX 64 /* frames; a report has no room for more */

struct frame {
	struct step step;
	bool is_behind_gap;	     /* frames are missing before it: the second place begins */
	const struct binary *binary; /* NULL: code in no file */
	uintptr_t offset;	     /* step.pc as the file counts it: what addr2line takes */
	const char *symbol;	     /* NULL: there is no certain one */
	uintptr_t symbol_offset;     /* of step.pc from its start */
	bool file_changed;	     /* so it could not be named */
};

struct backtrace {
	unsigned count;
	struct frame frames[BACKTRACE_MAX];
	enum unwind_end end;
	const struct binary *where; /* the object that it ended in, if that is the reason */
};

/*
 * backtrace_make() - find the frames of a snapshot and their names
 *
 * In ordinary context; some tenths of a millisecond, and more for the names of large
 * programs. Memory is mapped for it and given back by backtrace_free(); no allocator is
 * called, and errno is kept.
 *
 * Return: NULL when there is no memory. A process that cannot be looked at has frames
 * without objects, of which only the first is sure.
 */
const struct backtrace *backtrace_make(const struct snapshot *snapshot);
void backtrace_free(const struct backtrace *backtrace);

/* Every frame from where it is to where it began is there. */
bool backtrace_is_complete(const struct backtrace *backtrace);

/* Why there are no more frames, for a report: "the stack makes no sense". */
const char *backtrace_end_text(enum unwind_end end);
