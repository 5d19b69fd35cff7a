/* SPDX-License-Identifier: MIT */
/*
 * only.c - the smallest users: one annotated variable, or (-DNOTHING) not even one
 *
 *	only shared|private
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fondue/shared.h>

#ifndef NOTHING
FONDUE_SHARED volatile int pot_only = 1;
#endif
volatile int own_neighbour = 2;

int main(int argc, char **argv)
{
	int expect_shared = argc > 1 && !strcmp(argv[1], "shared");
	int status = 1, good;

	if (fork() == 0) {
#ifndef NOTHING
		pot_only++;
#endif
		own_neighbour++;
		_exit(0);
	}
	good = wait(&status) > 0 && status == 0 && fondue_active() == expect_shared &&
	       own_neighbour == 2;
#ifndef NOTHING
	good = good && pot_only == 1 + expect_shared;
#endif
	if (!good)
		printf("active %d, neighbour %d\n", fondue_active(), own_neighbour);
	return !good;
}
