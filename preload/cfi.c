/* SPDX-License-Identifier: MIT */
/*
 * cfi.c - call frame information, looked through before it is believed
 *
 * For each function .eh_frame holds a small program (an FDE, with what many have in common
 * in a CIE) that tells how to get from its frame to its caller's. libunwind executes these
 * programs and trusts them: a register number that is too large indexes an array, an
 * expression may divide the smallest number by -1 or loop for ever. That is fair for tables
 * that a process has mapped, and would be fatal with a damaged file, in a host that is not
 * ours. So the program for an address is found and read here first, and only what compilers
 * emit passes: known instructions, registers that exist, expressions without jumps and
 * divisions, everything inside of its record. Nothing is executed here.
 *
 * The format: "Linux Standard Base Core, Exception Frames", and DWARF, "Call Frame
 * Information".
 */
#include "cfi.h"
#include "snapshot.h"

#if defined(__x86_64__)
#define RETURN_COLUMN REGISTER_PC
#define COLUMNS	      17
#elif defined(__aarch64__)
#define RETURN_COLUMN REGISTER_LR
#define COLUMNS	      96
#else
#define RETURN_COLUMN REGISTER_PC
#define COLUMNS	      REGISTERS
#endif

#define RECORD_MAX 65536 /* bytes; the longest in a large program has some 2,000 */
#define NESTED_MAX 16	 /* remembered states; compilers nest one or two */

/* Pointer encodings: a format and what the value is relative to. */
#define FORMAT(encoding)   ((encoding)&0x0f)
#define RELATIVE(encoding) ((encoding)&0x70)
enum { FORMAT_ADDRESS = 0, FORMAT_UDATA4 = 3, FORMAT_UDATA8 = 4, FORMAT_SDATA4 = 11,
	FORMAT_SDATA8 = 12 };
enum { RELATIVE_NOT = 0x00, RELATIVE_PC = 0x10 };
#define OMITTED	 0xff
#define INDIRECT 0x80

/* A record that is read from @at to @end; after a failure all that is taken is 0. */
struct record {
	struct target *target;
	uintptr_t at, end;
	bool bad;
};

static void take(struct record *record, void *bytes, size_t size)
{
	if (!record->bad && (size > record->end - record->at ||
		!target_read(record->target, record->at, bytes, size)))
		record->bad = true;
	if (!record->bad)
		record->at += size;
}

static uint8_t take_u8(struct record *record)
{
	uint8_t value = 0;

	take(record, &value, sizeof(value));
	return record->bad ? 0 : value;
}

static uint32_t take_u32(struct record *record)
{
	uint32_t value = 0;

	take(record, &value, sizeof(value));
	return record->bad ? 0 : value;
}

static void skip(struct record *record, uint64_t size)
{
	if (size > record->end - record->at)
		record->bad = true;
	else
		record->at += size;
}

/* LEB128, as unsigned; of signed ones only the length counts here. */
static uint64_t take_leb(struct record *record)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = take_u8(record);

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	record->bad = true;
	return 0;
}

static unsigned encoded_size(uint8_t encoding)
{
	switch (FORMAT(encoding)) {
	case FORMAT_UDATA4:
	case FORMAT_SDATA4:
		return 4;
	case FORMAT_ADDRESS:
	case FORMAT_UDATA8:
	case FORMAT_SDATA8:
		return 8;
	default:
		return 0;
	}
}

static void skip_encoded(struct record *record, uint8_t encoding)
{
	unsigned size = encoded_size(encoding);

	if (encoding == OMITTED)
		return;
	if (!size || (RELATIVE(encoding) != RELATIVE_NOT && RELATIVE(encoding) != RELATIVE_PC))
		record->bad = true;
	skip(record, size);
}

static uintptr_t take_address(struct record *record, uint8_t encoding)
{
	uintptr_t from = RELATIVE(encoding) == RELATIVE_PC ? record->at : 0;
	uint64_t value = 0;
	unsigned size = encoded_size(encoding);

	if (!size || (encoding & INDIRECT) || (RELATIVE(encoding) & ~RELATIVE_PC))
		record->bad = true;
	else
		take(record, &value, size);
	if (FORMAT(encoding) == FORMAT_SDATA4)
		value = (uint64_t)(int64_t)(int32_t)value;
	return record->bad ? 0 : from + value;
}

/* The length in front of a record bounds all that follows. */
static struct record open_record(struct target *target, uintptr_t address)
{
	struct record record = { .target = target, .at = address, .end = address + 4 };
	uint32_t size = take_u32(&record);

	if (size < 8 || size > RECORD_MAX || record.at > UINTPTR_MAX - size)
		record.bad = true;
	else
		record.end = record.at + size;
	return record;
}

/* What the common part says of those that refer to it. */
struct common {
	struct record program;
	uint8_t address_encoding, data_encoding;
	bool is_sized;
};

static void take_augmentation(struct record *record, const char *letters, struct common *ret)
{
	for (; *letters && !record->bad; letters++) {
		switch (*letters) {
		case 'R':
			ret->address_encoding = take_u8(record);
			break;
		case 'L':
			ret->data_encoding = take_u8(record);
			break;
		case 'P':
			skip_encoded(record, take_u8(record));
			break;
		case 'S': /* a signal frame */
		case 'B': /* return addresses are signed with the other key */
			break;
		default:
			record->bad = true;
		}
	}
}

static bool read_common(struct target *target, uintptr_t address, struct common *ret)
{
	struct record record = open_record(target, address);
	uint8_t version, letters[8] = { 0 };
	uint64_t column, size;

	*ret = (struct common){ .address_encoding = FORMAT_ADDRESS, .data_encoding = OMITTED };
	if (take_u32(&record) != 0)
		return false;
	version = take_u8(&record);
	for (unsigned i = 0; (letters[i] = take_u8(&record)); i++)
		if (i == sizeof(letters) - 1)
			return false;
	take_leb(&record);
	take_leb(&record);
	column = version == 1 ? take_u8(&record) : take_leb(&record);
	if ((version != 1 && version != 3) || column != RETURN_COLUMN)
		return false;
	ret->is_sized = letters[0] == 'z';
	if (!ret->is_sized && letters[0])
		return false;
	size = ret->is_sized ? take_leb(&record) : 0;
	ret->program = record;
	skip(&ret->program, size);
	if (ret->is_sized)
		take_augmentation(&record, (const char *)letters + 1, ret);
	return !record.bad && !ret->program.bad && record.at <= ret->program.at;
}

/* Expressions: numbers of operations in DWARF */
enum { OP_DEREF = 0x06, OP_CONST1U = 0x08, OP_CONST8S = 0x0f, OP_DUP = 0x12, OP_OVER = 0x14,
	OP_SWAP = 0x16, OP_AND = 0x1a, OP_MINUS = 0x1c, OP_MUL = 0x1e, OP_OR = 0x21, OP_PLUS = 0x22,
	OP_PLUS_UCONST = 0x23, OP_SHL = 0x24, OP_SHR = 0x25, OP_EQ = 0x29, OP_NE = 0x2e,
	OP_LIT0 = 0x30, OP_LIT31 = 0x4f, OP_BREG0 = 0x70, OP_BREG31 = 0x8f };

static bool is_plain(uint8_t op)
{
	return (op >= OP_LIT0 && op <= OP_LIT31) || (op >= OP_EQ && op <= OP_NE) ||
	       (op >= OP_DUP && op <= OP_OVER) || op == OP_DEREF || op == OP_SWAP ||
	       op == OP_AND || op == OP_MINUS || op == OP_MUL || op == OP_OR || op == OP_PLUS ||
	       op == OP_SHL || op == OP_SHR;
}

static void check_operation(struct record *expression)
{
	uint8_t op = take_u8(expression);

	if (op >= OP_CONST1U && op <= OP_CONST8S)
		skip(expression, 1u << (op - OP_CONST1U) / 2);
	else if (op == OP_PLUS_UCONST || (op >= OP_BREG0 && op <= OP_BREG31))
		take_leb(expression);
	else if (!is_plain(op))
		expression->bad = true;
	if (op >= OP_BREG0 && op <= OP_BREG31 && op - OP_BREG0 >= COLUMNS)
		expression->bad = true;
}

static void take_expression(struct record *record)
{
	uint64_t size = take_leb(record);
	struct record expression = *record;

	skip(record, size);
	if (record->bad)
		return;
	expression.end = record->at;
	while (!expression.bad && expression.at < expression.end)
		check_operation(&expression);
	record->bad = expression.bad;
}

static void take_column(struct record *record)
{
	if (take_leb(record) >= COLUMNS)
		record->bad = true;
}

/* Instructions: those with their operand in the low bits, then the others, by their number */
enum { CFA_ADVANCE = 0x40, CFA_OFFSET = 0x80, CFA_RESTORE = 0xc0 };
enum { CFA_REMEMBER = 0x0a, CFA_RESTORE_STATE = 0x0b, CFA_NEGATE_RA_STATE = 0x2d };

/* What follows: c column, n number, e expression, and how many bytes of a constant. */
static const char *const operands[0x30] = {
	[0x00] = "", [0x02] = "1", [0x03] = "2", [0x04] = "4", /* nop, advance */
	[0x05] = "cn", [0x06] = "c", [0x07] = "c", [0x08] = "c", [0x09] = "cc",
	[CFA_REMEMBER] = "", [CFA_RESTORE_STATE] = "",
	[0x0c] = "cn", [0x0d] = "c", [0x0e] = "n", [0x0f] = "e", /* where the frame ends */
	[0x10] = "ce", [0x11] = "cn", [0x12] = "cn", [0x13] = "n", [0x14] = "cn",
	[0x15] = "cn", [0x16] = "ce",
#ifdef __aarch64__
	[CFA_NEGATE_RA_STATE] = "",
#endif
	[0x2e] = "n", [0x2f] = "cn", /* of GNU */
};

static void take_operands(struct record *program, const char *kinds)
{
	for (; *kinds; kinds++) {
		if (*kinds == 'c')
			take_column(program);
		else if (*kinds == 'n')
			take_leb(program);
		else if (*kinds == 'e')
			take_expression(program);
		else
			skip(program, *kinds - '0');
	}
}

static void check_instruction(struct record *program, unsigned *nested, struct cfi *cfi)
{
	uintptr_t at = program->at;
	uint8_t op = take_u8(program), low = op & 0x3f;

	if (op >= CFA_ADVANCE) {
		if (op >= CFA_OFFSET && low >= COLUMNS)
			program->bad = true;
		if (op >= CFA_OFFSET && op < CFA_RESTORE)
			take_leb(program);
		return;
	}
	if (op >= FONDUE_COUNT(operands) || !operands[op]) {
		program->bad = true;
		return;
	}
	take_operands(program, operands[op]);
	if (op == CFA_REMEMBER && ++*nested > NESTED_MAX)
		program->bad = true;
	if (op == CFA_RESTORE_STATE && (*nested)-- == 0)
		program->bad = true;
	if (op == CFA_NEGATE_RA_STATE && cfi->signs < CFI_SIGNS_MAX)
		cfi->sign_at[cfi->signs++] = at;
}

static bool is_good_program(struct record program, struct cfi *cfi)
{
	unsigned nested = 0;

	while (!program.bad && program.at < program.end)
		check_instruction(&program, &nested, cfi);
	return !program.bad;
}

/* The record of one function. */
static int check_function(struct target *target, uintptr_t address, uintptr_t pc,
	struct cfi *cfi)
{
	struct record record = open_record(target, address);
	uintptr_t own = record.at;
	uint32_t back = take_u32(&record);
	struct common common;
	uintptr_t start;
	uint64_t size;

	if (record.bad || !back || !read_common(target, own - back, &common))
		return -EBADMSG;
	start = take_address(&record, common.address_encoding);
	size = take_address(&record, FORMAT(common.address_encoding));
	if (record.bad)
		return -EBADMSG;
	if (pc < start || pc - start >= size)
		return -ENODATA;
	if (common.is_sized)
		skip(&record, take_leb(&record));
	if (record.bad || !is_good_program(common.program, cfi) ||
		!is_good_program(record, cfi))
		return -EBADMSG;
	return 0;
}

/* .eh_frame_hdr: version, three encodings, where .eh_frame is, number of pairs, pairs */
#define HEADER_SIZE 12
#define PAIR_SIZE   8
enum { VERSION = 1, COUNT_ENCODING = 0x03, PAIR_ENCODING = 0x3b };

static int read_header(struct target *target, const struct binary *binary, struct cfi *ret)
{
	uint8_t header[HEADER_SIZE];
	uint32_t pairs = 0;

	if (!binary->table || binary->table_size < HEADER_SIZE)
		return -ENODATA;
	if (!target_read(target, binary->table, header, sizeof(header)))
		return -ENODATA;
	if (header[0] != VERSION || header[2] != COUNT_ENCODING || header[3] != PAIR_ENCODING)
		return header[2] == OMITTED ? -ENODATA : -EBADMSG;
	for (unsigned i = 0; i < 4; i++)
		pairs |= (uint32_t)header[8 + i] << 8 * i;
	if (pairs > (binary->table_size - HEADER_SIZE) / PAIR_SIZE)
		return -EBADMSG;
	*ret = (struct cfi){ .table = binary->table + HEADER_SIZE, .pairs = pairs };
	return pairs ? 0 : -ENODATA;
}

/* The last pair that begins at or before @pc: where a function is, and its record. */
static int search(struct target *target, const struct cfi *cfi, uintptr_t base, uintptr_t pc,
	uintptr_t *ret_record)
{
	size_t low = 0, high = cfi->pairs;
	int32_t pair[2];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (!target_read(target, cfi->table + middle * PAIR_SIZE, pair, sizeof(pair)))
			return -EBADMSG;
		if ((int64_t)(pc - base) < pair[0])
			high = middle;
		else
			low = middle + 1;
	}
	if (high == 0)
		return -ENODATA;
	if (!target_read(target, cfi->table + (high - 1) * PAIR_SIZE, pair, sizeof(pair)))
		return -EBADMSG;
	*ret_record = base + (intptr_t)pair[1];
	return 0;
}

int cfi_check(struct target *target, const struct binary *binary, uintptr_t pc, struct cfi *ret)
{
	int error = read_header(target, binary, ret);
	uintptr_t record;

	if (error == 0)
		error = search(target, ret, binary->table, pc, &record);
	if (!error)
		ret->record = record;
	return error ? error : check_function(target, record, pc, ret);
}
