/* SPDX-License-Identifier: MIT */
/*
 * plan-decode.h - one instruction of x86-64, and the questions that a plan asks of it
 */
#pragma once

#include <Zydis/Zydis.h>

#include "plan-bytes.h"

#define REGISTERS 16
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* What a function may change without restoring it, by the psABI. */
#define CALLER_SAVED                                                                        \
	(1 << RAX | 1 << RCX | 1 << RDX | 1 << RSI | 1 << RDI | 1 << R8 | 1 << R9 | 1 << R10 | \
		1 << R11)

struct insn {
	uint64_t at, next;
	ZydisDecodedInstruction in;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

enum ending {
	ENDING_NONE,
	ENDING_CALL,
	ENDING_JUMP,
	ENDING_BRANCH, /* conditional */
	ENDING_RETURN,
	ENDING_TRAP, /* ud2, hlt, int3 */
};

/* decode() - the instruction at @at, if it ends before @end and is one */
bool decode(const struct bytes *bytes, uint64_t at, uint64_t end, struct insn *ret);

/* As a disassembler prints it; memory is never freed. */
const char *decode_text(const struct bytes *bytes, uint64_t at);

/* 0..15 of the general register that @reg is part of, or -1. */
int decode_register(ZydisRegister reg);
/* The register of operand @i, or -1. */
int insn_register(const struct insn *insn, unsigned i);

enum ending insn_ending(const struct insn *insn);
/* Where a direct call or jump goes. */
bool insn_target(const struct insn *insn, uint64_t *ret);

/* The operand that is relative to the instruction, or NULL; and the address it names. */
const ZydisDecodedOperand *insn_relative(const struct insn *insn);
uint64_t insn_place(const struct insn *insn, const ZydisDecodedOperand *op);

/*
 * A constant of 32 or 64 bits that may be an address: the displacement of an operand in memory
 * that is not relative to the instruction, or an immediate.
 */
struct constant {
	uint64_t value;
	uint64_t field; /* where its low 32 bits are */
	const ZydisDecodedOperand *op;
};
#define CONSTANTS_MAX 2
unsigned insn_constants(const struct insn *insn, struct constant *ret);
/* Is the operand such a constant, and nothing else? */
bool insn_is_direct(const ZydisDecodedOperand *op);

/* Does it do no more with a place in memory than to name it? */
bool insn_only_names(const struct insn *insn);
/* Bytes of memory that an operand touches. */
uint64_t insn_width(const struct insn *insn, const ZydisDecodedOperand *op);
/* Does it form an address in the stack, or index it: more than to set up a frame and use it? */
bool insn_names_stack(const struct insn *insn);
/* General registers that it writes, a bit each. */
unsigned insn_writes(const struct insn *insn);
