/* SPDX-License-Identifier: MIT */
/*
 * plan-state.h - registers, stack slots and the last comparison at one point of a function
 */
#pragma once

#include "plan-decode.h"
#include "plan-value.h"

#define SLOTS_MAX 48

struct stack_slot {
	int64_t offset; /* from the return address */
	unsigned width;
	bool from_top; /* pushed, or stored by the stack pointer: it may be an argument */
	struct value value;
};

enum compared { COMPARED_NONE, COMPARED_BOTH, COMPARED_RESULT /* with 0, for equality */ };

struct state {
	struct value regs[REGISTERS];
	struct stack_slot slots[SLOTS_MAX];
	unsigned slot_count;
	enum compared compared;
	struct value left, right;
	unsigned bits;
};

bool state_overlaps(const struct stack_slot *slot, int64_t offset, unsigned width);

/* As at the entry of a function: nothing is known but where the stack is. */
void state_begin(struct state *state);

/* What a load of @width bytes finds. */
struct value state_load(const struct state *state, int64_t offset, unsigned width);
/* @forget is called for a value that there is no room for any more. */
void state_store(
	struct state *state, struct stack_slot slot, void (*forget)(struct value value));

/* Slots from @lowest on may be read elsewhere, which @forget is told, and be changed. */
void state_expose(
	struct state *state, int64_t lowest, void (*forget)(struct value value));

/* Join @new into @old; return whether that changed it. */
bool state_join(struct state *old, const struct state *new);

/* Is the conditional jump @insn taken? 1 yes, 0 no, -1 not known. */
int state_decides(const struct state *state, const struct insn *insn,
	uint64_t (*address)(struct value value));
