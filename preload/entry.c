/* SPDX-License-Identifier: MIT */
/*
 * entry.c - the constructor, and the table that the runtime goes by
 *
 * Linked with -z initfirst, so that it runs when all objects are relocated and before any
 * other constructor can fork or start a thread. glibc has not set environ by then but
 * passes it as the third argument; musl passes no arguments and has environ set. In a
 * static program there is no initfirst; the priority puts us before all constructors
 * without one.
 */
#include <unistd.h>

#include "answer.h"
#include "heap.h"
#include "lifecycle.h"
#include "modules.h"
#include "real.h"
#include "spinlock.h"

FONDUE_EXPORT const struct fondue_runtime fondue_runtime = {
	.size = sizeof(struct fondue_runtime),
	.abi = FONDUE_ABI,
	.version = FONDUE_VERSION_STRING,
	.spin = &spin_calls,
	.heap = &heap_calls,
};

/* What `fondue check` looks for in a stripped static program: see note.h. */
__asm__(".pushsection .note.fondue,\"a\",%note\n\t.balign 4\n"
	"\t.long 7, 0, 2\n\t.asciz \"fondue\"\n\t.balign 4\n.popsection\n");

/* Declared weak, and called, by the constructor that <fondue/shared.h> gives every library. */
void fondue_object_loaded(void);
FONDUE_EXPORT void fondue_object_loaded(void)
{
	lifecycle_object_loaded();
}

__attribute__((constructor(101))) static void start(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
#ifndef __GLIBC__
	envp = environ;
#endif
	modules_set_walk(real()->dl_iterate_phdr);
	/* in a static program, and when it runs already, nobody would ask us what SIGURG does */
	if (real()->sigaction && !real_is_late())
		answer_start();
	heap_start(real_rseq_at);
	doors_start();
	lifecycle_start(envp, &fondue_runtime, real_is_late());
}
