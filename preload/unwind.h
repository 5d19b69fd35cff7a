/* SPDX-License-Identifier: MIT */
/*
 * unwind.h - from a snapshot of registers and stack to the frames that led there
 *
 * To be called in ordinary context, not in a signal handler: it may take some milliseconds.
 * The thread in the snapshot may be of any process, this one included; nothing is done to
 * it. One thread at a time unwinds in a process; others are told so.
 *
 * The unwinder itself is libunwind, loaded when unwind_start() is called, and never linked:
 * linked to a preloaded library it would take over the exceptions of the program.
 */
#pragma once

#include "binary.h"
#include "snapshot.h"
#include "step.h"

enum unwind_end {
	UNWIND_COMPLETE,     /* at the start of the program, or of the thread */
	UNWIND_NO_TABLES,    /* an object tells nothing of its frames */
	UNWIND_BAD_TABLES,   /* what it tells is damaged */
	UNWIND_NO_REGISTER,  /* the way on needs a register that the snapshot does not have */
	UNWIND_STACK_ENDS,   /* or a piece of the stack */
	UNWIND_BAD_FRAME,    /* the stack makes no sense */
	UNWIND_TOO_MANY,     /* there is no more room */
	UNWIND_BUSY,	     /* the unwinder is in use, or was when this process was forked */
	UNWIND_NO_UNWINDER,  /* libunwind is not to be had: frame pointers were followed */
	UNWIND_NO_MAPPINGS,  /* what lies where in the process may not be read */
	UNWIND_ENDS,
};

/*
 * unwind_start() - load the unwinder
 * @library: NULL: the usual one
 *
 * Calls dlopen(): to be called at start, while no other thread opens files, and not later,
 * when the loader's lock may be in the hands of a thread that waits for us. Return: 0;
 * -ENOSYS: there is none, and unwind_steps() will do without.
 */
int unwind_start(const char *library);

/* What a walk needs besides, of no value afterwards: large enough for every version's. */
struct unwind_work {
	_Alignas(16) unsigned char cursor[4096 * sizeof(void *)];
};

/*
 * unwind_steps() - the frames of a snapshot, innermost first
 * @from: the registers to begin with, one of the two sets in @snapshot
 * @target, @binaries: opened for the process; the objects that were met are in the latter
 * @ret_end: why there are no more
 * @ret_where: the object that has no (good) tables; NULL: of no importance, or not known
 *
 * Return: number of steps, at most @max. The first is always there.
 */
unsigned unwind_steps(const struct snapshot *snapshot, const struct registers *from,
	struct target *target, struct binaries *binaries, struct unwind_work *work,
	struct step *steps, unsigned max, enum unwind_end *ret_end,
	const struct binary **ret_where);
