/* SPDX-License-Identifier: MIT */
/*
 * Description: the ground: alignment, ranges, system calls that leave errno alone
 */
#include "base.h"
#include "unit.h"

/* Every quadruple of small numbers, against the definition: is there a byte in both? */
static bool ranges_are_right(void)
{
	for (unsigned code = 0; code < 6 * 6 * 6 * 6; code++) {
		uint64_t a = code % 6, a_end = code / 6 % 6;
		uint64_t b = code / 36 % 6, b_end = code / 216;
		bool meet = false;

		for (uint64_t byte = 0; byte < 6; byte++)
			meet = meet || (a <= byte && byte < a_end && b <= byte && byte < b_end);
		if (ranges_meet(a, a_end, b, b_end) != meet)
			return false;
	}
	return true;
}

static bool alignment_is_right(void)
{
	for (uint64_t i = 0; i < 64; i++)
		if (align_down(i, 16) != i / 16 * 16 || is_aligned(i, 16) != (i % 16 == 0))
			return false;
	return true;
}

static void test_system_call(void)
{
	long result;

	errno = EDOM;
	result = sys_call(SYS_close, -1);
	test("a system call that fails returns its error, negative", result == -EBADF);
	test("and leaves errno alone", errno == EDOM);
	result = sys_call(SYS_getpid);
	test("one that succeeds returns its result", result == getpid());
	test("and leaves errno alone as well", errno == EDOM);
}

int main(void)
{
	test("two ranges meet if there is a byte in both: all small cases",
		ranges_are_right());
	test("ranges that reach the end of the address space meet",
		ranges_meet(UINT64_MAX - 4096, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX));
	test("alignment of small numbers", alignment_is_right());
	test("alignment of the last page",
		align_down(UINT64_MAX, 4096) == UINT64_MAX - 4095 &&
			is_aligned(UINT64_MAX - 4095, 4096));
	test_system_call();
	return tap_done();
}
