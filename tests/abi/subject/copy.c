/* SPDX-License-Identifier: MIT */
/*
 * copy.c - a program that names a library's variable
 *
 *	copy shared|private
 *
 * Not built with -fPIC it has a copy of its own, to which the library is bound too; the
 * two must agree on what is in the variable, whether it is shared or not.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copy.h"

int main(int argc, char **argv)
{
	int expect_shared = argc > 1 && !strcmp(argv[1], "shared");
	int expected = expect_shared ? 2 : 1;
	int status = 1;

	if (fork() == 0) {
		pot_hits = 2;
		_exit(library_hits() != 2);
	}
	if (wait(&status) > 0 && status == 0 && library_active() == expect_shared &&
		pot_hits == expected && library_hits() == expected)
		return 0;
	printf("active %d, %d in the program, %d in the library\n", library_active(),
		pot_hits, library_hits());
	return 1;
}
