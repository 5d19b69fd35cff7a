/* SPDX-License-Identifier: MIT */
/*
 * Description: what compilers say of frames is believed, and nothing else
 *
 * Tables are made by hand, in a file that is mapped as an object's would be: one CIE, one FDE
 * for 256 bytes of code, a search table of one pair. Then a byte or an instruction is wrong.
 */
#include <fcntl.h>

#include "cfi.h"
#include "scratch.h"
#include "snapshot.h"

/* Where things are in the page, and where in them. */
enum { HDR = 0, CIE = 64, FDE = 128, CODE = 2048, CODE_SIZE = 256 };
enum { CIE_LENGTH = CIE, CIE_ID = CIE + 4, CIE_VERSION = CIE + 8, CIE_LETTERS = CIE + 9,
	CIE_COLUMN = CIE + 14, CIE_ENCODING = CIE + 16, CIE_PROGRAM = CIE + 17 };
enum { FDE_LENGTH = FDE, FDE_BACK = FDE + 4, FDE_START = FDE + 8, FDE_SIZE = FDE + 12,
	FDE_EXTRA = FDE + 16, FDE_PROGRAM = FDE + 17 };
#define PROGRAM_MAX 256

#if defined(__x86_64__)
#define COLUMN	REGISTER_PC
#define REGISTER_LIMIT 17
#elif defined(__aarch64__)
#define COLUMN	REGISTER_LR
#define REGISTER_LIMIT 96
#else
#define COLUMN	REGISTER_PC
#define REGISTER_LIMIT REGISTERS
#endif

static unsigned char page[4096];
static unsigned char *mapped;
static int file;

static void put32(unsigned at, int32_t value)
{
	memcpy(page + at, &value, sizeof(value));
}

static void make(const void *program, unsigned size)
{
	static const unsigned char letters[] = { 'z', 'R', 0 };
	static const unsigned char encodings[] = { 1, 0x1b, 0x03, 0x3b };

	memset(page, 0, sizeof(page));
	memcpy(page + HDR, encodings, sizeof(encodings));
	put32(HDR + 8, 1);
	put32(HDR + 12, CODE - HDR);
	put32(HDR + 16, FDE - HDR);
	put32(CIE_LENGTH, FDE - CIE - 4);
	page[CIE_VERSION] = 1;
	memcpy(page + CIE_LETTERS, letters, sizeof(letters));
	page[CIE + 12] = 1;    /* unit of code */
	page[CIE + 13] = 0x78; /* of data: -8 */
	page[CIE_COLUMN] = COLUMN;
	page[CIE + 15] = 1; /* of the next: bytes */
	page[CIE_ENCODING] = 0x1b;
	put32(FDE_LENGTH, FDE_PROGRAM + PROGRAM_MAX - FDE_BACK);
	put32(FDE_BACK, FDE_BACK - CIE);
	put32(FDE_START, CODE - FDE_START);
	put32(FDE_SIZE, CODE_SIZE);
	memcpy(page + FDE_PROGRAM, program, size);
}

static int check_at(unsigned pc)
{
	static struct target target;
	struct binary binary = { .table = (uintptr_t)mapped + HDR, .table_size = 20 };
	struct cfi cfi;

	if (pwrite(file, page, sizeof(page), 0) != sizeof(page) ||
		target_open(&target, getpid()) != 0)
		tap_bail_out("cannot show the tables");
	return cfi_check(&target, &binary, (uintptr_t)mapped + pc, &cfi);
}

static int check(void)
{
	return check_at(CODE + 10);
}

static int play_good(void)
{
	make("", 0);
	must(check_at(CODE) == 0 && check_at(CODE + CODE_SIZE - 1) == 0);
	must(check_at(CODE - 1) == -ENODATA && check_at(CODE + CODE_SIZE) == -ENODATA);
	put32(HDR + 8, 0);
	must(check() == -ENODATA);
	return CHILD_GOOD;
}

/* One byte at a time, so that all else is right. */
static int play_bytes(void)
{
	static const struct {
		unsigned at, value;
	} wrong[] = {
		{ HDR, 2 }, { HDR + 2, 0x0b }, { HDR + 3, 0x1b }, { HDR + 8, 2 },
		{ CIE_LENGTH + 3, 1 }, { CIE_LENGTH, 4 }, { CIE_ID, 1 }, { CIE_VERSION, 2 },
		{ CIE_VERSION, 4 }, { CIE_LETTERS, 'e' }, { CIE_LETTERS + 1, 'Q' },
		{ CIE_COLUMN, COLUMN - 1 }, { CIE_COLUMN, 0xff }, { CIE_ENCODING, 0x9b },
		{ CIE_ENCODING, 0x50 }, { CIE_ENCODING, 0x01 }, { CIE + 15, 100 },
		{ CIE_PROGRAM, 0x3f }, { FDE_LENGTH + 3, 0xff },
		{ FDE_BACK, 0 }, { FDE_BACK + 3, 0x7f },
	};

	for (unsigned i = 0; i < FONDUE_COUNT(wrong); i++) {
		make("", 0);
		page[wrong[i].at] = wrong[i].value;
		/* all four bytes, where one would do nothing */
		if (wrong[i].at == FDE_BACK)
			put32(FDE_BACK, 0);
		if (check() != -EBADMSG)
			tap_note("  byte %u with %#x: %d", wrong[i].at, wrong[i].value, check());
		must(check() == -EBADMSG);
	}
	make("\x7f", 1); /* more than is in the record */
	page[FDE_EXTRA] = 0xff;
	must(check() == -EBADMSG);
	for (unsigned length = 0; length < 13; length++) {
		make("", 0);
		put32(FDE_LENGTH, length);
		must(check() == -EBADMSG);
	}
	return CHILD_GOOD;
}

struct program {
	const char *bytes;
	unsigned size;
};
#define PROGRAM(text) { text, sizeof(text) - 1 }

static const struct program good[] = {
	PROGRAM("\x41\x0e\x10\x83\x02\x44\x0a\x0e\x08\x0b"), /* push, call, pop */
	PROGRAM("\x02\x80\x03\x80\x80\x04\x80\x80\x80\x80"), /* advance */
	PROGRAM("\x0c\x02\x80\x01\x0d\x01\x07\x01\x08\x01\xc1\x06\x01"),
	PROGRAM("\x0f\x03\x77\x08\x06"), /* expressions: of a signal frame */
	PROGRAM("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"), /* of a PLT */
	PROGRAM("\x0f\x0a\x77\x08\x72\x00\x38\x1e\x22\x06\x23\x08"), /* of OpenSSL */
	PROGRAM("\x10\x02\x02\x77\x28\x16\x01\x02\x77\x00"),
	PROGRAM("\x0a\x0a\x0a\x0b\x0b\x0b\x2e\x10"),
};

static const struct program bad[] = {
	PROGRAM("\x01"),			/* set_loc */
	PROGRAM("\x17"), PROGRAM("\x1c"), PROGRAM("\x2c"), PROGRAM("\x30"), PROGRAM("\x3f"),
	PROGRAM("\x0b"),			/* restores what was not remembered */
	PROGRAM("\x0a\x0b\x0b"),
	PROGRAM("\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a"),
	PROGRAM("\x05\x7f\x01"), PROGRAM("\x09\x01\x7f"), PROGRAM("\x09\x7f\x01"),
	PROGRAM("\x0c\x7f\x01"), PROGRAM("\x0d\x7f"), PROGRAM("\x09\x01\xff\xff\xff\xff\x0f"),
	PROGRAM("\x0e\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"), /* endless number */
	PROGRAM("\x0f\x7f\xff\x7f"),		/* endless expression */
	PROGRAM("\x0f\x03\x2f\xfd\xff"),	/* jumps to itself */
	PROGRAM("\x0f\x03\x28\xfd\xff"),
	PROGRAM("\x0f\x03\x31\x31\x1b"),	/* divides */
	PROGRAM("\x0f\x03\x31\x31\x1d"),
	PROGRAM("\x0f\x03\x92\x7f\x08"),	/* a register by number */
	PROGRAM("\x0f\x02\x77\x88"),		/* its operand is outside */
	PROGRAM("\x0f\x02\x0e\x01"),
	PROGRAM("\x10\x7f\x01\x30"),
};

static int play_programs(void)
{
	for (unsigned i = 0; i < FONDUE_COUNT(good) && REGISTER_LIMIT > 8; i++) {
		make(good[i].bytes, good[i].size);
		if (check() != 0)
			tap_note("  good program %u: %d", i, check());
		must(check() == 0);
	}
	for (unsigned i = 0; i < FONDUE_COUNT(bad); i++) {
		make(bad[i].bytes, bad[i].size);
		if (check() != -EBADMSG)
			tap_note("  bad program %u: %d", i, check());
		must(check() == -EBADMSG);
	}
	return CHILD_GOOD;
}

/* The first register that there is not. */
static int play_registers(void)
{
	for (unsigned number = 0; number < 0x80; number++) {
		const char program[] = { 0x07, (char)number };

		make(program, sizeof(program));
		must(check() == (number < REGISTER_LIMIT ? 0 : -EBADMSG));
	}
	return CHILD_GOOD;
}

int main(void)
{
	void *at;

	scratch_make();
	file = open(scratch_path("tables"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0 || ftruncate(file, page_size()) != 0)
		tap_bail_out("no file");
	at = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, file, 0);
	if (at == MAP_FAILED)
		tap_bail_out("no mapping");
	mapped = at;
	test_play_natively("a function has what its record says, and no other", play_good);
	test_play_natively("a wrong byte in a header", play_bytes);
	test_play_natively("programs that compilers emit, and others", play_programs);
	test_play_natively("registers that there are", play_registers);
	scratch_remove();
	return tap_done();
}
