/* SPDX-License-Identifier: MIT */
/*
 * plan-operand.h - what an instruction reads and writes, as values of a state
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

/* The address that a memory operand names; and what a load of it gives. */
struct value operand_address(const struct step *step, const ZydisDecodedOperand *op);
struct value operand_load(const struct step *step, const ZydisDecodedOperand *op);

/* The value of operand @i; of any register. */
struct value operand_value(const struct step *step, unsigned i);
struct value operand_register(const struct step *step, ZydisRegister reg);

/* Whatever is on the stack may be read, or changed, through an address that is not known. */
void operand_escape_stack(const struct step *step);

/* To a memory operand; to operand 0, as wide as that is. */
void operand_store(
	const struct step *step, const ZydisDecodedOperand *op, struct value value);
void operand_put(const struct step *step, struct value value);
