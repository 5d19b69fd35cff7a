/* SPDX-License-Identifier: MIT */
/*
 * plan-state.c - the state of a function that is only thought of
 *
 * Stack slots are told by their distance from the return address, which is right as long
 * as the function moves the stack pointer by constants; where it does not, slots are not
 * known, and what is stored into them has escaped.
 */
#include "plan-state.h"

void state_begin(struct state *state)
{
	*state = (struct state){ .slot_count = 0 };
	for (unsigned i = 0; i < REGISTERS; i++)
		state->regs[i] = value_unknown();
	state->regs[RSP] = value_of(VALUE_STACK, 0, 0);
}

bool state_overlaps(const struct stack_slot *slot, int64_t offset, unsigned width)
{
	return slot->offset < offset + (int64_t)width &&
	       offset < slot->offset + (int64_t)slot->width;
}

struct value state_load(const struct state *state, int64_t offset, unsigned width)
{
	for (unsigned i = 0; i < state->slot_count; i++) {
		const struct stack_slot *slot = &state->slots[i];

		if (slot->offset == offset && slot->width == width)
			return slot->value;
		if (slot->offset == offset && slot->width == 8 && width == 4)
			return value_low32(slot->value);
		if (state_overlaps(slot, offset, width))
			return value_doubt(slot->value);
	}
	return value_unknown();
}

void state_store(
	struct state *state, struct stack_slot slot, void (*forget)(struct value value))
{
	for (unsigned i = 0; i < state->slot_count; i++) {
		if (!state_overlaps(&state->slots[i], slot.offset, slot.width))
			continue;
		state->slots[i] = state->slots[--state->slot_count];
		i--;
	}
	if (value_is_same(slot.value, value_unknown()))
		return;
	if (state->slot_count == SLOTS_MAX) {
		forget(state->slots[0].value);
		state->slots[0] = state->slots[--state->slot_count];
	}
	state->slots[state->slot_count++] = slot;
}

void state_expose(
	struct state *state, int64_t lowest, void (*forget)(struct value value))
{
	for (unsigned i = 0; i < state->slot_count; i++)
		if (state->slots[i].offset >= lowest) {
			forget(state->slots[i].value);
			state->slots[i].value = value_doubt(state->slots[i].value);
		}
}

static bool join_value(struct value *old, struct value new)
{
	struct value value = value_join(*old, new);
	bool changed = !value_is_same(value, *old);

	*old = value;
	return changed;
}

static bool join_slot(struct stack_slot *old, const struct state *new)
{
	for (unsigned i = 0; i < new->slot_count; i++) {
		const struct stack_slot *slot = &new->slots[i];

		if (slot->offset != old->offset || slot->width != old->width)
			continue;
		if (slot->from_top && !old->from_top) {
			old->from_top = true;
			(void)join_value(&old->value, slot->value);
			return true;
		}
		return join_value(&old->value, slot->value);
	}
	return join_value(&old->value, value_unknown());
}

static bool join_slots(struct state *old, const struct state *new)
{
	bool changed = false;

	for (unsigned i = 0; i < old->slot_count; i++)
		changed |= join_slot(&old->slots[i], new);
	/* a root that only one side has: whoever loads it must know */
	for (unsigned i = 0; i < new->slot_count; i++) {
		const struct stack_slot *slot = &new->slots[i];
		bool is_free = value_is_rooted(slot->value) && old->slot_count < SLOTS_MAX;

		for (unsigned k = 0; is_free && k < old->slot_count; k++)
			is_free = !state_overlaps(&old->slots[k], slot->offset, slot->width);
		if (!is_free)
			continue;
		old->slots[old->slot_count] = *slot;
		old->slots[old->slot_count++].value = value_doubt(slot->value);
		changed = true;
	}
	return changed;
}

bool state_join(struct state *old, const struct state *new)
{
	bool changed = false;

	for (unsigned i = 0; i < REGISTERS; i++)
		changed |= join_value(&old->regs[i], new->regs[i]);
	changed |= join_slots(old, new);
	if (old->compared && (old->compared != new->compared || old->bits != new->bits ||
				     !value_is_same(old->left, new->left) ||
				     !value_is_same(old->right, new->right))) {
		old->compared = COMPARED_NONE;
		changed = true;
	}
	return changed;
}

static bool sides(const struct state *state, uint64_t (*address)(struct value value),
	int64_t *left, int64_t *right)
{
	struct value a = state->left, b = state->right;
	bool is_same_kind = a.kind == b.kind && value_is_exact(a) && value_is_exact(b);

	*left = a.low;
	*right = b.low;
	if (is_same_kind && a.kind == VALUE_NUMBER)
		return true;
	if (!is_same_kind || a.kind != VALUE_POINTER)
		return false;
	*left = (int64_t)address(a);
	*right = (int64_t)address(b);
	/* of two variables it is not known which will be where */
	return a.root == b.root || *left == *right;
}

int state_decides(const struct state *state, const struct insn *insn,
	uint64_t (*address)(struct value value))
{
	int64_t a, b;
	uint64_t ua, ub;

	if (!state->compared || (state->bits != 32 && state->bits != 64) ||
		!sides(state, address, &a, &b))
		return -1;
	if (state->bits == 32) {
		a = (int32_t)a;
		b = (int32_t)b;
	}
	ua = state->bits == 32 ? (uint32_t)a : (uint64_t)a;
	ub = state->bits == 32 ? (uint32_t)b : (uint64_t)b;
	switch (insn->in.mnemonic) {
	case ZYDIS_MNEMONIC_JZ:
		return a == b;
	case ZYDIS_MNEMONIC_JNZ:
		return a != b;
	default:
		break;
	}
	if (state->compared == COMPARED_RESULT)
		return -1;
	switch (insn->in.mnemonic) {
	case ZYDIS_MNEMONIC_JB:
		return ua < ub;
	case ZYDIS_MNEMONIC_JNB:
		return ua >= ub;
	case ZYDIS_MNEMONIC_JBE:
		return ua <= ub;
	case ZYDIS_MNEMONIC_JNBE:
		return ua > ub;
	case ZYDIS_MNEMONIC_JL:
		return a < b;
	case ZYDIS_MNEMONIC_JNL:
		return a >= b;
	case ZYDIS_MNEMONIC_JLE:
		return a <= b;
	case ZYDIS_MNEMONIC_JNLE:
		return a > b;
	default:
		return -1;
	}
}
