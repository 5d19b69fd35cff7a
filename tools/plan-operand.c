/* SPDX-License-Identifier: MIT */
/*
 * plan-operand.c - registers, stack slots, and the places that the loader has filled in
 *
 * What is stored anywhere but on the stack has left the field of view, and what is loaded
 * from there is not known; but for slots that are constant once the loader is done.
 */
#include "plan-operand.h"
#include "plan-uses.h"

struct value operand_register(const struct step *step, ZydisRegister reg)
{
	int number = reg ? decode_register(reg) : -1;

	return number >= 0 ? step->state->regs[number] : value_unknown();
}

static struct value place_value(const struct step *step, const ZydisDecodedOperand *op)
{
	const struct root *root = places_root(step->places, step->insn->at);
	uint64_t address = insn_place(step->insn, op);

	if (root && root->field == step->insn->at + step->insn->in.raw.disp.offset)
		return value_of(VALUE_POINTER, (unsigned)(root - step->places->roots), 0);
	return value_of(VALUE_PLACE, 0, (int64_t)address);
}

static struct value indexed(
	const struct step *step, const ZydisDecodedOperand *op, struct value base)
{
	struct value index = operand_register(step, op->mem.index);

	if (decode_register(op->mem.index) < 0) /* one for each element of a vector */
		return value_add(base, value_unknown());
	if (op->mem.scale > 1) {
		use(index, USE_ODD | USE_ESCAPES);
		index = value_times(index, op->mem.scale);
	}
	if (value_is_rooted(base) && value_is_rooted(index)) {
		use(base, USE_ODD | USE_ESCAPES);
		use(index, USE_ODD | USE_ESCAPES);
	}
	return value_add(base, index);
}

static struct value value_of_root(const struct step *step, const struct root *root)
{
	return value_of(VALUE_POINTER, (unsigned)(root - step->places->roots), 0);
}

/* The root that the four bytes at @offset of the instruction are, if they are. */
static const struct root *root_at(const struct step *step, unsigned offset)
{
	const struct root *root = NULL;

	if (step->places->bytes->is_absolute)
		root = places_root(step->places, step->insn->at);
	return root && root->field == step->insn->at + offset ? root : NULL;
}

/* An address that is a number: of one place; or of a constant, which may be a table. */
static bool is_place(const struct step *step, const ZydisDecodedOperand *op)
{
	const struct bytes *bytes = step->places->bytes;
	uint64_t address = (uint64_t)op->mem.disp.value;
	const struct section_extent *section;

	if (!bytes->is_absolute || op->mem.base)
		return false;
	if (!op->mem.index)
		return true;
	section = bytes_section(bytes, address);
	return section && (!section->is_writable || extent_holds(bytes->relro, address));
}

static struct value displaced(
	const struct step *step, const ZydisDecodedOperand *op, struct value base)
{
	const struct root *root = root_at(step, step->insn->in.raw.disp.offset);

	if (!root && is_place(step, op))
		return value_of(VALUE_PLACE, 0, op->mem.disp.value);
	if (!root)
		return value_add(base, value_constant(op->mem.disp.value));
	if (value_is_rooted(base)) {
		use(base, USE_ODD | USE_ESCAPES);
		use(value_of_root(step, root), USE_ODD | USE_ESCAPES);
	}
	return value_add(value_of_root(step, root), base);
}

void operand_escape_stack(const struct step *step)
{
	*step->escaped = INT64_MIN;
}

/*
 * Any slot may be meant; what is narrower than an address holds none, and is no part of an array
 * of them.
 */
static void index_stack(const struct step *step, const ZydisDecodedOperand *op)
{
	if (insn_only_names(step->insn) || op->size >= 64)
		operand_escape_stack(step);
}

struct value operand_address(const struct step *step, const ZydisDecodedOperand *op)
{
	struct value value = value_constant(0);

	if (op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS)
		return value_unknown();
	if (op->mem.base == ZYDIS_REGISTER_RIP)
		return place_value(step, op);
	if (op->mem.base)
		value = operand_register(step, op->mem.base);
	if (op->mem.disp.has_displacement)
		value = displaced(step, op, value);
	if (op->mem.index) {
		bool is_stack = value.kind == VALUE_STACK;

		value = indexed(step, op, value);
		if (is_stack && value.kind != VALUE_STACK)
			index_stack(step, op);
	}
	return value;
}

/* A slot that the loader has set to an address, and nobody changes. */
static struct value load_place(const struct step *step, uint64_t address)
{
	const struct root *root = places_slot(step->places, address);

	if (!root)
		return value_loaded();
	return value_of(VALUE_POINTER, (unsigned)(root - step->places->roots), 0);
}

/* A part of an address, or more than one: it is not followed any further. */
static struct value load_slots(const struct step *step, int64_t offset, unsigned width)
{
	const struct state *state = step->state;

	for (unsigned i = 0; width != 8 && i < state->slot_count; i++)
		if (state_overlaps(&state->slots[i], offset, width))
			use(state->slots[i].value, USE_ODD | USE_ESCAPES);
	return state_load(state, offset, width);
}

struct value operand_load(const struct step *step, const ZydisDecodedOperand *op)
{
	struct value address = operand_address(step, op);

	if (address.kind == VALUE_STACK)
		return load_slots(step, address.low, (unsigned)insn_width(step->insn, op));
	if (address.kind == VALUE_TABLE && op->size == 64 && step->places->bytes->is_absolute)
		return value_of(VALUE_TABLE, TABLE_OF_ADDRESSES, address.low);
	if (address.kind == VALUE_TABLE)
		return op->size == 32 ? address : value_loaded();
	if (address.kind == VALUE_PLACE && op->size == 64)
		return load_place(step, (uint64_t)address.low);
	return value_loaded();
}

/* As much of a register as the instruction looks at. */
static struct value part_of(struct value value, unsigned bits)
{
	bool is_tame = value.is_tame;

	if (bits >= 64 || value.kind != VALUE_NUMBER)
		return value;
	if (bits == 32)
		return value_low32(value);
	value = value_unknown();
	value.is_tame = is_tame;
	return value;
}

struct value operand_value(const struct step *step, unsigned i)
{
	const ZydisDecodedOperand *op = &step->insn->op[i];

	switch (op->type) {
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		if (root_at(step, step->insn->in.raw.imm[0].offset))
			return value_of_root(
				step, root_at(step, step->insn->in.raw.imm[0].offset));
		return value_constant(op->imm.is_signed ? op->imm.value.s :
							  (int64_t)op->imm.value.u);
	case ZYDIS_OPERAND_TYPE_REGISTER:
		return part_of(operand_register(step, op->reg.value), op->size);
	case ZYDIS_OPERAND_TYPE_MEMORY:
		return operand_load(step, op);
	default:
		return value_unknown();
	}
}

void operand_store(const struct step *step, const ZydisDecodedOperand *op, struct value value)
{
	struct value address = operand_address(step, op);
	unsigned width = (unsigned)insn_width(step->insn, op);

	if (width < 8 && value_is_rooted(value)) {
		use(value, USE_ODD | USE_ESCAPES);
		value = value_unknown();
	}
	if (address.kind != VALUE_STACK) {
		use_escapes(value);
		if (address.kind == VALUE_NUMBER || address.kind == VALUE_MIXED)
			state_expose(step->state, *step->escaped, use_escapes);
		return;
	}
	if (address.low >= *step->escaped)
		use_escapes(value);
	state_store(step->state,
		(struct stack_slot){ .offset = address.low,
			.width = width,
			.from_top = op->mem.base == ZYDIS_REGISTER_RSP,
			.value = value },
		use_escapes);
}

/* To operand 0, as wide as that is. */
void operand_put(const struct step *step, struct value value)
{
	const ZydisDecodedOperand *op = &step->insn->op[0];
	int reg = insn_register(step->insn, 0);

	if (op->type == ZYDIS_OPERAND_TYPE_MEMORY) {
		operand_store(step, op, value);
		return;
	}
	if (reg < 0)
		return;
	if (op->size < 64 && value_is_rooted(value))
		use(value, USE_ODD | USE_ESCAPES);
	if (op->size == 32)
		value = value_low32(value);
	else if (op->size < 32)
		value = value_unknown();
	step->state->regs[reg] = value;
}
