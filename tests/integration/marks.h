/* SPDX-License-Identifier: MIT */
/*
 * marks.h - system calls that do nothing, by which a tracer knows where a program is
 */
#pragma once

#include <sys/prctl.h>

/* No option of prctl(): it fails, which is all that is wanted of it. */
#define MARK_OPTION 0x6f6e6465

enum mark {
	MARK_START, /* before main() */
	MARK_MAIN,
	MARK_PLUGIN,
	MARK_FORK,
	MARK_THREAD,
	MARK_SHOW,
	MARK_EXIT,
	MARK_COUNT
};

static inline void mark(enum mark where)
{
	prctl(MARK_OPTION, where, 0, 0, 0);
}
