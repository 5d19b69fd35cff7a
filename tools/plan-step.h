/* SPDX-License-Identifier: MIT */
/*
 * plan-step.h - what one instruction does to the state; calls and jumps are not its matter
 */
#pragma once

#include "plan-roots.h"
#include "plan-state.h"

struct step {
	struct places *places;
	struct state *state;
	const struct insn *insn;
	int64_t *escaped; /* the lowest stack offset whose address is known elsewhere */
};

void step(const struct step *step);

/* The address that a memory operand names; and what a load of it gives. */
struct value step_address(const struct step *step, const ZydisDecodedOperand *op);
struct value step_load(const struct step *step, const ZydisDecodedOperand *op);
