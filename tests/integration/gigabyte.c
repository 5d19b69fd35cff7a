/* SPDX-License-Identifier: MIT */
/*
 * gigabyte.c - a program with far more annotated memory than it uses
 *
 * Prints how much shared memory it has at its start, in KiB, and whether the few bytes
 * that a child writes arrive where they belong.
 */
#include <stdio.h>
#include <string.h>

#include <fondue/shared.h>

#include "sharing.h"

#define SIZE   (1UL << 30)
#define STRIDE (16UL << 20)
#define PAGE   4096

FONDUE_SHARED_ZERO static volatile char table[SIZE];

static void write_sparsely(void)
{
	for (unsigned long at = 0; at < SIZE; at += STRIDE) {
		table[at] = 1 + at / STRIDE;
		table[at + PAGE - 1] = 2 + at / STRIDE;
	}
	table[SIZE - 1] = 99;
}

/* Each byte where it belongs, and those beside it untouched. */
static int is_written(void)
{
	for (unsigned long at = 0; at < SIZE; at += STRIDE)
		if (table[at] != (char)(1 + at / STRIDE) || table[at + 1] != 0 ||
			table[at + PAGE - 1] != (char)(2 + at / STRIDE) ||
			table[at + PAGE] != 0)
			return 0;
	return table[SIZE - 1] == 99 && table[SIZE - 2] == 0;
}

int main(void)
{
	long before = shared_kib();
	pid_t pid = fork();

	if (pid == 0) {
		write_sparsely();
		_exit(is_written() ? CHILD_DONE : 1);
	}
	if (exit_status(pid) != CHILD_DONE)
		return 1;
	printf("%ld KiB at start; %s\n", before,
		is_written()	? "shared"
		: table[0] == 0 ? "private"
				: "garbled");
	return 0;
}
