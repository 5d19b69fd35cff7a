/* SPDX-License-Identifier: MIT */
/*
 * plan-decode.c - Zydis, and nothing of its kind elsewhere
 *
 * Only a decoder knows where in an instruction its displacement is: an immediate may come
 * behind it, and prefixes before. CET is switched on, else ENDBR64 and the NOTRACK prefix
 * of jump tables would be taken for what older processors made of them.
 */
#include "memory.h"
#include "plan-decode.h"

/* Bytes of the longest instruction. */
#define LONGEST 15

static const ZydisDecoder *decoder(void)
{
	static ZydisDecoder it;
	static bool is_ready;

	if (!is_ready) {
		ZydisDecoderInit(&it, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
		ZydisDecoderEnableMode(&it, ZYDIS_DECODER_MODE_CET, ZYAN_TRUE);
		is_ready = true;
	}
	return &it;
}

bool decode(const struct bytes *bytes, uint64_t at, uint64_t end, struct insn *ret)
{
	uint64_t len = at < end ? end - at : 0;
	const uint8_t *code;

	if (len > LONGEST)
		len = LONGEST;
	code = len ? bytes_at(bytes, at, len) : NULL;
	if (!code || !ZYAN_SUCCESS(ZydisDecoderDecodeFull(
			     decoder(), code, len, &ret->in, ret->op)))
		return false;
	ret->at = at;
	ret->next = at + ret->in.length;
	return true;
}

const char *decode_text(const struct bytes *bytes, uint64_t at)
{
	ZydisFormatter formatter;
	struct insn insn;
	char text[256];

	if (!decode(bytes, at, at + LONGEST, &insn) ||
		!ZYAN_SUCCESS(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_ATT)) ||
		!ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &insn.in, insn.op,
			insn.in.operand_count_visible, text, sizeof(text), at, NULL)))
		return "(not decoded)";
	return memory_copy(text);
}

int decode_register(ZydisRegister reg)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	return whole >= ZYDIS_REGISTER_RAX && whole <= ZYDIS_REGISTER_R15 ?
		       (int)(whole - ZYDIS_REGISTER_RAX) :
		       -1;
}

int insn_register(const struct insn *insn, unsigned i)
{
	if (i >= insn->in.operand_count_visible ||
		insn->op[i].type != ZYDIS_OPERAND_TYPE_REGISTER)
		return -1;
	return decode_register(insn->op[i].reg.value);
}

enum ending insn_ending(const struct insn *insn)
{
	switch (insn->in.mnemonic) {
	case ZYDIS_MNEMONIC_CALL:
		return ENDING_CALL;
	case ZYDIS_MNEMONIC_JMP:
		return ENDING_JUMP;
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_INT3:
		return ENDING_TRAP;
	default:
		break;
	}
	if (insn->in.meta.category == ZYDIS_CATEGORY_RET)
		return ENDING_RETURN;
	return insn->in.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ? ENDING_BRANCH :
								     ENDING_NONE;
}

bool insn_target(const struct insn *insn, uint64_t *ret)
{
	if (insn->in.meta.branch_type == ZYDIS_BRANCH_TYPE_NONE ||
		insn->op[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
		!insn->op[0].imm.is_relative)
		return false;
	*ret = insn->next + (uint64_t)insn->op[0].imm.value.s;
	return true;
}

const ZydisDecodedOperand *insn_relative(const struct insn *insn)
{
	for (unsigned i = 0; i < insn->in.operand_count; i++)
		if (insn->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
			(insn->op[i].mem.base == ZYDIS_REGISTER_RIP ||
				insn->op[i].mem.base == ZYDIS_REGISTER_EIP))
			return &insn->op[i];
	return NULL;
}

uint64_t insn_place(const struct insn *insn, const ZydisDecodedOperand *op)
{
	return insn->next + (uint64_t)op->mem.disp.value;
}

static bool has_displacement(const struct insn *insn, const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->mem.disp.has_displacement &&
	       insn->in.raw.disp.size >= 32 && op->mem.base != ZYDIS_REGISTER_RIP &&
	       op->mem.base != ZYDIS_REGISTER_EIP && op->mem.segment != ZYDIS_REGISTER_FS &&
	       op->mem.segment != ZYDIS_REGISTER_GS;
}

static bool has_immediate(const struct insn *insn, const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && !op->imm.is_relative &&
	       insn->in.raw.imm[0].size >= 32;
}

unsigned insn_constants(const struct insn *insn, struct constant *ret)
{
	unsigned count = 0;

	for (unsigned i = 0; i < insn->in.operand_count && count < CONSTANTS_MAX; i++) {
		const ZydisDecodedOperand *op = &insn->op[i];

		if (has_displacement(insn, op))
			ret[count++] = (struct constant){ (uint64_t)op->mem.disp.value,
				insn->at + insn->in.raw.disp.offset, op };
		else if (has_immediate(insn, op))
			ret[count++] = (struct constant){ insn->in.raw.imm[0].size == 32 ? (uint32_t)op->imm.value.u :
								      op->imm.value.u,
				insn->at + insn->in.raw.imm[0].offset, op };
	}
	return count;
}

bool insn_is_direct(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY && !op->mem.base && !op->mem.index;
}

bool insn_only_names(const struct insn *insn)
{
	ZydisMnemonic m = insn->in.mnemonic;

	return m == ZYDIS_MNEMONIC_LEA || m == ZYDIS_MNEMONIC_NOP ||
	       m == ZYDIS_MNEMONIC_ENDBR64 || m == ZYDIS_MNEMONIC_CLDEMOTE ||
	       (m >= ZYDIS_MNEMONIC_PREFETCH && m <= ZYDIS_MNEMONIC_PREFETCHWT1);
}

uint64_t insn_width(const struct insn *insn, const ZydisDecodedOperand *op)
{
	switch (insn->in.mnemonic) {
	case ZYDIS_MNEMONIC_XSAVE:
	case ZYDIS_MNEMONIC_XSAVEC:
	case ZYDIS_MNEMONIC_XSAVEOPT:
	case ZYDIS_MNEMONIC_XRSTOR:
		return 576;
	default:
		return op->size >= 8 ? op->size / 8 : 1;
	}
}

static bool is_stack(int reg)
{
	return reg == RSP || reg == RBP;
}

/* push %rbp; mov %rsp, %rbp; sub $32, %rsp; and back again */
static bool sets_up_frame(const struct insn *insn)
{
	switch (insn->in.mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_POP:
		return insn_register(insn, 0) == RBP;
	case ZYDIS_MNEMONIC_MOV:
		return is_stack(insn_register(insn, 0)) && is_stack(insn_register(insn, 1));
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
		return insn_register(insn, 0) == RSP &&
		       insn->op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
	default:
		return false;
	}
}

bool insn_names_stack(const struct insn *insn)
{
	if (sets_up_frame(insn))
		return false;
	for (unsigned i = 0; i < insn->in.operand_count_visible; i++) {
		const ZydisDecodedOperand *op = &insn->op[i];
		bool is_base = op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
			       (is_stack(decode_register(op->mem.base)) ||
				       is_stack(decode_register(op->mem.index)));

		if (is_stack(insn_register(insn, i)) ||
			(is_base && (op->mem.index || insn->in.mnemonic == ZYDIS_MNEMONIC_LEA)))
			return true;
	}
	return false;
}

unsigned insn_writes(const struct insn *insn)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < insn->in.operand_count; i++) {
		const ZydisDecodedOperand *op = &insn->op[i];
		int reg = op->type == ZYDIS_OPERAND_TYPE_REGISTER ?
				  decode_register(op->reg.value) :
				  -1;

		if (reg >= 0 && op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			mask |= 1u << reg;
	}
	return mask;
}
