/* SPDX-License-Identifier: MIT */
/*
 * stuck.c - a library whose constructor does not return, with the loader's lock in its hands
 *
 * It says that it is there in an atomic_int, whose address STUCK_READY has.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void be_stuck(void)
{
	void *ready = NULL;

	if (!getenv("STUCK_READY") || sscanf(getenv("STUCK_READY"), "%p", &ready) != 1)
		return;
	atomic_fetch_add((atomic_int *)ready, 1);
	for (;;)
		pause();
}
