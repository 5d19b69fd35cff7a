/* SPDX-License-Identifier: MIT */
/*
 * chain.c - following frame pointers through a snapshot
 *
 * Code that keeps a frame pointer stores its caller's at the place that it points to, and
 * the return address beside it. Other code uses the register for something else, so what
 * is found is tested: the chain rises, and where a call is to return to, there is code, and
 * on x86-64 a call instruction in front of it.
 */
#include <string.h>

#include "chain.h"

#if defined(__riscv)
#define NEXT_AT	  (-16)
#define RETURN_AT (-8)
#else
#define NEXT_AT	  0
#define RETURN_AT 8
#endif

/*
 * Functions that protect themselves so sign their return address before they store it, in the
 * bits that addresses do not use. How many they use depends on the kernel: 39 at least, 52 at
 * most. An address is one if it leads into code.
 */
uintptr_t chain_strip(const struct target *target, uintptr_t address)
{
#ifdef __aarch64__
	static const unsigned char widths[] = { 52, 48, 47, 42, 39 };

	for (unsigned i = 0; i < sizeof(widths) && address >> 39; i++) {
		uintptr_t stripped = address & ((1ULL << widths[i]) - 1);

		if (target_is_code(target, stripped))
			return stripped;
	}
#else
	(void)target;
#endif
	return address;
}

/* What a handler returns to is one system call, rt_sigreturn. */
#if defined(__x86_64__)
/* mov $15, %rax; syscall. Some C libraries write %eax. */
static const unsigned char sigreturn[][9] = {
	{ 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 },
	{ 0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05 },
};
static const size_t sigreturn_size[] = { 9, 7 };
#elif defined(__aarch64__)
/* mov x8, #139; svc #0 */
static const unsigned char sigreturn[][9] = {
	{ 0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4 },
};
static const size_t sigreturn_size[] = { 8 };
#else
static const unsigned char sigreturn[][9] = { { 0 } };
static const size_t sigreturn_size[] = { 9 };
#endif

bool chain_is_signal(struct target *target, uintptr_t pc)
{
	unsigned char code[9];

	for (unsigned i = 0; i < FONDUE_COUNT(sigreturn_size); i++)
		if (target_read(target, pc, code, sigreturn_size[i]) &&
			memcmp(code, sigreturn[i], sigreturn_size[i]) == 0)
			return true;
	return false;
}

#if defined(__x86_64__)
static bool is_behind_call(struct target *target, uintptr_t pc)
{
	unsigned char code[7];

	if (!target_read(target, pc - sizeof(code), code, sizeof(code)))
		return false;
	if (code[2] == 0xe8) /* call rel32 */
		return true;
	/* ff /2, with 2 to 7 bytes in all */
	for (unsigned i = 0; i < 6; i++)
		if (code[i] == 0xff && (code[i + 1] >> 3 & 7) == 2)
			return true;
	return false;
}
#else
static bool is_behind_call(struct target *target, uintptr_t pc)
{
	(void)target;
	return is_aligned(pc, 2);
}
#endif

bool chain_returns_to(struct target *target, uintptr_t pc)
{
	return target_is_code(target, pc - 1) && is_behind_call(target, pc);
}

unsigned chain_steps(const struct snapshot *snapshot, const struct registers *from,
	struct target *target, struct step *steps, unsigned max)
{
	uintptr_t fp = from->at[REGISTER_FP], next, pc;
	unsigned count = 1;

	steps[0] = (struct step){ .pc = chain_strip(target, from->at[REGISTER_PC]),
		.sp = from->at[REGISTER_SP], .is_exact = true };
	if (!register_is_known(from, REGISTER_FP))
		return count;
	for (; count < max; count++, fp = next) {
		if (!snapshot_read(snapshot, fp + NEXT_AT, &next) ||
			!snapshot_read(snapshot, fp + RETURN_AT, &pc))
			break;
		pc = chain_strip(target, pc);
		if (fp < steps[count - 1].sp || !chain_returns_to(target, pc))
			break;
		steps[count] = (struct step){ .pc = pc, .sp = fp + RETURN_AT + 8,
			.is_guess = true };
		if (next <= fp)
			return count + 1;
	}
	return count;
}
