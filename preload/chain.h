/* SPDX-License-Identifier: MIT */
/*
 * chain.h - frames by the chain of frame pointers, where there is nothing better
 */
#pragma once

#include "snapshot.h"
#include "step.h"
#include "target.h"

/*
 * chain_steps() - as unwind_steps(), without an unwinder
 *
 * Complete only in code that was built with frame pointers; every step but the first is a
 * guess, though one that lies behind a call, in code.
 */
unsigned chain_steps(const struct snapshot *snapshot, const struct registers *from,
	struct target *target, struct step *steps, unsigned max);

/* May a call return to @pc? */
bool chain_returns_to(struct target *target, uintptr_t pc);

/* Is it where signal handlers return to, so that the frame above was interrupted? */
bool chain_is_signal(struct target *target, uintptr_t pc);

/* The address without the signature that aarch64 may keep in its upper bits. */
uintptr_t chain_strip(const struct target *target, uintptr_t address);
