/* SPDX-License-Identifier: MIT */
/*
 * hook-start.c - the last moment before the program's own code
 *
 * _start calls __libc_start_main(), when all libraries are there and have been started and no
 * thread is likely to be about: a quiet moment to load the unwinder in. In our constructor
 * it would be too early, for that runs before libc's own; and when a report is to be made it
 * would be too late, for the loader's lock may be held by whoever waits for us.
 */
#include "lifecycle.h"
#include "real.h"

/* Without a real one the program could not have been linked. A jump: no frame of ours stays. */
FONDUE_EXPORT int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
	void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
FONDUE_EXPORT int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
	void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
	lifecycle_libc_is_ready();
	return real()->libc_start_main(main, argc, argv, init, fini, rtld_fini, stack_end);
}
