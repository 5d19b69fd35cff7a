/* SPDX-License-Identifier: MIT */
/*
 * step.h - one frame of a stack: where its function was left
 */
#pragma once

#include "base.h"

struct step {
	uintptr_t pc, sp;
	bool is_exact;	/* pc is where the thread was; otherwise where a call returns to */
	bool is_signal; /* the kernel called a handler here */
	bool is_guess;	/* found by the frame pointer, say: likely, but not certain */
};

/* An address to be looked up: in a call, not behind it, where another function may begin. */
static inline uintptr_t step_place(const struct step *step)
{
	return step->is_exact ? step->pc : step->pc - 1;
}
