/* SPDX-License-Identifier: MIT */
/*
 * plan-step.c - the instructions that compilers handle addresses with
 *
 * Moves, additions, comparisons, a few shifts and extensions are modelled. An address that
 * goes through anything else has left the field of view: that is noted as odd, and nothing
 * will be concluded from what was not seen. Registers of vectors are not followed, so what
 * is moved into them has left it, too.
 */
#include "plan-step.h"
#include "plan-uses.h"

/* Instructions that a comparison is used by stand close behind it. */
#define LOOK_AHEAD 8

static void forget_comparison(const struct step *step)
{
	step->state->compared = COMPARED_NONE;
}

static void result_compared(const struct step *step, struct value result)
{
	step->state->compared = value_is_constant(result) ? COMPARED_RESULT : COMPARED_NONE;
	step->state->left = result;
	step->state->right = value_constant(0);
	step->state->bits = step->insn->op[0].size;
}

static bool is_order(const struct insn *insn)
{
	switch (insn->in.mnemonic) {
	case ZYDIS_MNEMONIC_JB:
	case ZYDIS_MNEMONIC_JNB:
	case ZYDIS_MNEMONIC_JBE:
	case ZYDIS_MNEMONIC_JNBE:
	case ZYDIS_MNEMONIC_SETB:
	case ZYDIS_MNEMONIC_SETNB:
	case ZYDIS_MNEMONIC_SETBE:
	case ZYDIS_MNEMONIC_SETNBE:
	case ZYDIS_MNEMONIC_CMOVB:
	case ZYDIS_MNEMONIC_CMOVNB:
	case ZYDIS_MNEMONIC_CMOVBE:
	case ZYDIS_MNEMONIC_CMOVNBE:
	case ZYDIS_MNEMONIC_SBB:
	case ZYDIS_MNEMONIC_ADC:
		return true;
	default:
		return false;
	}
}

/* What uses the comparison: does it ask for an order, or lead back into a loop? */
static bool is_strong(const struct step *step)
{
	struct insn insn = { .next = step->insn->next };
	uint64_t target;

	for (unsigned i = 0; i < LOOK_AHEAD; i++) {
		unsigned len = places_length(step->places, insn.next);

		if (!len || !decode(step->places->bytes, insn.next, insn.next + len, &insn))
			return false;
		if (is_order(&insn))
			return true;
		if (insn_ending(&insn) == ENDING_BRANCH)
			return insn_target(&insn, &target) && target <= step->insn->at;
		if (insn_ending(&insn) != ENDING_NONE)
			return false;
	}
	return false;
}

static void compare(const struct step *step)
{
	struct value a = operand_value(step, 0), b = operand_value(step, 1);
	unsigned bits = step->insn->op[0].size;

	if (bits < 64) {
		use(a, USE_ODD | USE_MEETS_OTHER);
		use(b, USE_ODD | USE_MEETS_OTHER);
	} else if (value_is_rooted(a) || value_is_rooted(b)) {
		use_compares(a, b, is_strong(step));
	}
	step->state->compared = COMPARED_BOTH;
	step->state->left = a;
	step->state->right = b;
	step->state->bits = bits;
}

static struct value difference(const struct step *step, struct value a, struct value b)
{
	struct value negative;

	if (value_is_rooted(b)) {
		use_compares(a, b, true);
		if (a.kind == VALUE_POINTER && b.kind == VALUE_POINTER && value_is_exact(a) &&
			value_is_exact(b) &&
			(a.root == b.root || use_address(a) == use_address(b)))
			return value_constant((int64_t)(use_address(a) - use_address(b)));
		if (!value_is_whole(a) || !value_is_whole(b))
			use(b, USE_ODD);
		return value_unknown();
	}
	if (a.kind == VALUE_NUMBER && insn_register(step->insn, 0) >= 0 &&
		insn_register(step->insn, 0) == insn_register(step->insn, 1))
		return value_constant(0);
	negative = value_negative(b);
	return value_add(a, negative);
}

static void add_or_subtract(const struct step *step)
{
	struct value a = operand_value(step, 0), b, result;

	switch (step->insn->in.mnemonic) {
	case ZYDIS_MNEMONIC_INC:
		result = value_add(a, value_constant(1));
		break;
	case ZYDIS_MNEMONIC_DEC:
		result = value_add(a, value_constant(-1));
		break;
	case ZYDIS_MNEMONIC_SUB:
		result = difference(step, a, operand_value(step, 1));
		break;
	default:
		b = operand_value(step, 1);
		if (value_is_rooted(a) && value_is_rooted(b)) {
			use(a, USE_ODD | USE_ESCAPES);
			use(b, USE_ODD | USE_ESCAPES);
		}
		result = value_add(a, b);
	}
	if (a.kind == VALUE_STACK && result.kind != VALUE_STACK &&
		insn_register(step->insn, 0) != RSP)
		operand_escape_stack(step);
	operand_put(step, result);
	result_compared(step, result);
}

static void shift(const struct step *step)
{
	struct value a = operand_value(step, 0), result = value_unknown();
	const ZydisDecodedOperand *by = &step->insn->op[1];
	uint64_t count = by->type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? by->imm.value.u : 64;

	use(a, USE_ODD | USE_ESCAPES);
	result.is_tame = a.kind == VALUE_NUMBER && a.is_tame;
	result.is_reversed = a.is_reversed;
	if (a.kind == VALUE_NUMBER && count < 32) {
		if (step->insn->in.mnemonic == ZYDIS_MNEMONIC_SHL)
			result = value_times(a, (int64_t)1 << count);
		else if (a.low >= 0) {
			result.low = a.low >> count;
			result.high = a.high >= NO_HIGH ? NO_HIGH : a.high >> count;
		}
	} else if (value_is_constant(a) && a.low == 0) {
		result = a;
	}
	operand_put(step, result);
	result_compared(step, result);
}

static void mask(const struct step *step)
{
	struct value a = operand_value(step, 0), b = operand_value(step, 1);
	struct value result = value_unknown();
	bool is_constant = value_is_constant(b);

	forget_comparison(step);
	if (a.kind == VALUE_STACK && is_constant && insn_register(step->insn, 0) == RSP) {
		a.low = a.high = (a.low & b.low) - 128; /* the stack is aligned */
		step->state->regs[RSP] = a;
		return;
	}
	if (a.kind == VALUE_STACK) /* some address on it is: who knows which */
		operand_escape_stack(step);
	use(a, USE_ODD | USE_ESCAPES);
	use(b, USE_ODD | USE_ESCAPES);
	if (is_constant && b.low >= 0)
		result = value_number(0, b.low);
	result.is_tame = a.kind == VALUE_NUMBER && a.is_tame && is_constant;
	operand_put(step, result);
}

/* No bit is set that neither of the two may have. */
static struct value either_bits(struct value a, struct value b)
{
	uint64_t bits = (uint64_t)(a.high | b.high);
	struct value result = value_unknown();

	if (a.kind == VALUE_NUMBER && b.kind == VALUE_NUMBER && a.low >= 0 && b.low >= 0 &&
		a.high < NO_HIGH && b.high < NO_HIGH && bits)
		result = value_number(0, INT64_MAX >> (__builtin_clzll(bits) - 1));
	result.is_tame = a.kind == VALUE_NUMBER && a.is_tame && value_is_constant(b);
	return result;
}

static void or_or_exclusive_or(const struct step *step)
{
	int a = insn_register(step->insn, 0), b = insn_register(step->insn, 1);
	bool is_same = a >= 0 && a == b && step->insn->op[0].size >= 32;

	forget_comparison(step);
	if (is_same && step->insn->in.mnemonic == ZYDIS_MNEMONIC_XOR) {
		step->state->regs[a] = value_constant(0);
		return;
	}
	use(operand_value(step, 0), USE_ODD | USE_ESCAPES);
	use(operand_value(step, 1), USE_ODD | USE_ESCAPES);
	operand_put(step, either_bits(operand_value(step, 0), operand_value(step, 1)));
}

static void test(const struct step *step)
{
	struct value a = operand_value(step, 0), b = operand_value(step, 1);
	int reg = insn_register(step->insn, 0);
	bool is_same = reg >= 0 && reg == insn_register(step->insn, 1);

	forget_comparison(step);
	if (is_same && a.kind == VALUE_NUMBER) {
		step->state->compared = COMPARED_BOTH;
		step->state->left = a;
		step->state->right = value_constant(0);
		step->state->bits = step->insn->op[0].size;
	} else if (!is_same) {
		use(a, USE_ODD);
		use(b, USE_ODD);
	}
}

/*
 * An address on the stack that is kept anywhere else may be used by anybody. What lies above a
 * frame pointer is not the function's own, so that is no exception.
 */
static void move(const struct step *step, struct value value)
{
	int reg = insn_register(step->insn, 0);

	if (value.kind == VALUE_STACK && reg != RSP && value.low < *step->escaped)
		*step->escaped = value.low;
	operand_put(step, value);
}

/* An address below 4 GiB is whole in 32 bits: the upper half of a register becomes 0. */
static void move_from(const struct step *step)
{
	struct value value = operand_value(step, 1);
	int reg = insn_register(step->insn, 0);

	if (value.kind == VALUE_POINTER && reg >= 0 && step->insn->op[0].size == 32 &&
		step->insn->op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		step->state->regs[reg] = value;
	else
		move(step, value);
}

static void extend(const struct step *step)
{
	struct value value = operand_value(step, 1);
	unsigned bits = step->insn->op[1].size;
	struct value result = value_unknown();

	if (step->insn->in.mnemonic == ZYDIS_MNEMONIC_MOVZX) {
		bool is_tame = value.kind != VALUE_NUMBER || value.is_tame;

		result = value_number(0, ((int64_t)1 << bits) - 1);
		result.is_tame = is_tame;
	} else if (bits == 32) {
		result = value_signed32(value);
	} else {
		result.is_tame = value.kind == VALUE_NUMBER && value.is_tame;
	}
	use(value, USE_ODD | USE_ESCAPES);
	operand_put(step, result);
}

static void multiply(const struct step *step)
{
	bool has_constant = step->insn->in.operand_count_visible == 3;
	struct value a = operand_value(step, has_constant ? 1 : 0), b;

	b = operand_value(step, has_constant ? 2 : 1);
	forget_comparison(step);
	use(a, USE_ODD | USE_ESCAPES);
	use(b, USE_ODD | USE_ESCAPES);
	if (insn_register(step->insn, 0) < 0 || step->insn->in.operand_count_visible < 2) {
		step->state->regs[RAX] = step->state->regs[RDX] = value_unknown();
		return;
	}
	operand_put(step, value_is_constant(b) && !value_is_rooted(a) ? value_times(a, b.low) :
									value_unknown());
}

static void push(const struct step *step, struct value value)
{
	struct state *state = step->state;

	if (state->regs[RSP].kind != VALUE_STACK) {
		use_escapes(value);
		return;
	}
	state->regs[RSP] = value_add(state->regs[RSP], value_constant(-8));
	state_store(state,
		(struct stack_slot){ .offset = state->regs[RSP].low,
			.width = 8,
			.from_top = true,
			.value = value },
		use_escapes);
}

static void pop_to(const struct step *step, int reg)
{
	struct state *state = step->state;
	struct value value = value_unknown();

	if (state->regs[RSP].kind == VALUE_STACK)
		value = state_load(state, state->regs[RSP].low, 8);
	state->regs[RSP] = value_add(state->regs[RSP], value_constant(8));
	if (reg >= 0)
		state->regs[reg] = value;
	else
		use_escapes(value);
}

/* Nothing is known of what it does: all that it reads has left, all it writes is unknown. */
static void other(const struct step *step)
{
	const struct insn *insn = step->insn;
	bool is_string = insn->in.meta.category == ZYDIS_CATEGORY_STRINGOP;

	if (is_string) /* as many as a register says */
		state_expose(step->state, *step->escaped, use_escapes);
	if (insn->in.mnemonic == ZYDIS_MNEMONIC_SYSCALL)
		for (unsigned reg = 0; reg < REGISTERS; reg++)
			use_escapes(step->state->regs[reg]);
	for (unsigned i = 0; i < insn->in.operand_count; i++) {
		const ZydisDecodedOperand *op = &insn->op[i];
		bool is_hidden = op->visibility != ZYDIS_OPERAND_VISIBILITY_EXPLICIT;

		if (op->actions & ZYDIS_OPERAND_ACTION_MASK_READ && !(is_hidden && is_string) &&
			op->type == ZYDIS_OPERAND_TYPE_REGISTER)
			use(operand_register(step, op->reg.value), USE_ODD | USE_ESCAPES);
		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
			op->actions & ZYDIS_OPERAND_ACTION_MASK_READ && op->size >= 64)
			use(operand_load(step, op), USE_ODD | USE_ESCAPES);
		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
			op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			operand_store(step, op, value_unknown());
	}
	for (unsigned reg = 0; reg < REGISTERS; reg++) {
		struct value *value = &step->state->regs[reg];

		if (!(insn_writes(insn) >> reg & 1))
			continue;
		*value = is_string && value_is_rooted(*value) ?
				 value_add(*value, value_unknown()) :
				 value_unknown();
	}
	if (insn->in.cpu_flags && insn->in.cpu_flags->modified)
		forget_comparison(step);
}

/* Whatever the instruction is, its memory operands touch what they name. */
static void touch(const struct step *step)
{
	const struct insn *insn = step->insn;
	bool repeats = insn->in.attributes &
		       (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);
	struct value count = step->state->regs[RCX];

	if (insn_only_names(insn) || (repeats && value_is_constant(count) && !count.low))
		return;
	for (unsigned i = 0; i < insn->in.operand_count; i++) {
		const ZydisDecodedOperand *op = &insn->op[i];

		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
			op->mem.base != ZYDIS_REGISTER_RIP &&
			op->actions & (ZYDIS_OPERAND_ACTION_MASK_READ |
					      ZYDIS_OPERAND_ACTION_MASK_WRITE))
			use_touches(operand_address(step, op), insn_width(insn, op),
				op->mem.scale, insn->at);
	}
}

void step(const struct step *step)
{
	touch(step);
	switch (step->insn->in.mnemonic) {
	case ZYDIS_MNEMONIC_NOP:
	case ZYDIS_MNEMONIC_ENDBR64:
		break;
	case ZYDIS_MNEMONIC_LEA:
		move(step, operand_address(step, &step->insn->op[1]));
		break;
	case ZYDIS_MNEMONIC_MOV:
		move_from(step);
		break;
	case ZYDIS_MNEMONIC_MOVZX:
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		extend(step);
		break;
	case ZYDIS_MNEMONIC_CDQE:
		use(step->state->regs[RAX], USE_ODD | USE_ESCAPES);
		step->state->regs[RAX] = value_signed32(step->state->regs[RAX]);
		break;
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_INC:
	case ZYDIS_MNEMONIC_DEC:
		add_or_subtract(step);
		break;
	case ZYDIS_MNEMONIC_CMP:
		compare(step);
		break;
	case ZYDIS_MNEMONIC_TEST:
		test(step);
		break;
	case ZYDIS_MNEMONIC_AND:
		mask(step);
		break;
	case ZYDIS_MNEMONIC_OR:
	case ZYDIS_MNEMONIC_XOR:
		or_or_exclusive_or(step);
		break;
	case ZYDIS_MNEMONIC_NEG:
		use(operand_value(step, 0), USE_ODD | USE_ESCAPES);
		operand_put(step, value_negative(operand_value(step, 0)));
		forget_comparison(step);
		break;
	case ZYDIS_MNEMONIC_SHL:
	case ZYDIS_MNEMONIC_SHR:
	case ZYDIS_MNEMONIC_SAR:
		shift(step);
		break;
	case ZYDIS_MNEMONIC_IMUL:
		multiply(step);
		break;
	case ZYDIS_MNEMONIC_PUSH:
		push(step, operand_value(step, 0));
		break;
	case ZYDIS_MNEMONIC_PUSHFQ:
		push(step, value_unknown());
		break;
	case ZYDIS_MNEMONIC_POP:
		pop_to(step, insn_register(step->insn, 0));
		break;
	case ZYDIS_MNEMONIC_POPFQ:
		pop_to(step, -1);
		forget_comparison(step);
		break;
	case ZYDIS_MNEMONIC_LEAVE:
		step->state->regs[RSP] = step->state->regs[RBP];
		pop_to(step, RBP);
		break;
	default:
		if (step->insn->in.meta.category == ZYDIS_CATEGORY_CMOV &&
			insn_register(step->insn, 0) >= 0)
			operand_put(step,
				value_join(operand_value(step, 0), operand_value(step, 1)));
		else
			other(step);
	}
}
