/* SPDX-License-Identifier: MIT */
/*
 * static-fork.c - what makes a linker take the runtime out of libfondue.a
 *
 * An annotated program refers to nothing of ours, and a linker takes from an archive only
 * what is referred to. But a program that shares also forks: with -lfondue before libc,
 * its fork() is found here, and this file needs the runtime's constructor. Programs that
 * fork only inside libc, and those for musl (whose fork has no second name to call it by),
 * say -Wl,-u,fondue_runtime, as pkg-config does.
 */
#include <fondue/shared.h>

#include "base.h"
#include "lifecycle.h"

/* glibc's fork under its other name, in libc.a and libc.so alike */
extern pid_t __fork(void);

pid_t fork(void)
{
	/* entry.o, and with it the constructor: a reference that no optimization drops */
	__asm__ volatile("" : : "r"(&fondue_runtime));
	return __fork();
}
