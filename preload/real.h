/* SPDX-License-Identifier: MIT */
/*
 * real.h - the functions behind our hooks
 */
#pragma once

#include <link.h>
#include <signal.h>

#include "base.h"

struct real {
	pid_t (*fork)(void);
	pid_t (*_Fork)(void);
	pid_t (*vfork)(void);
	int (*clone)(int (*fn)(void *), void *stack, int flags, void *arg, ...);
	int (*dl_iterate_phdr)(
		int (*callback)(struct dl_phdr_info *, size_t, void *), void *arg);
	int (*libc_start_main)(int (*main)(int, char **, char **), int argc, char **argv,
		void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
	int (*sigaction)(int number, const struct sigaction *action, struct sigaction *ret_old);
	void (*(*signal)(int number, void (*handler)(int)))(int);
	int (*sigaltstack)(const stack_t *stack, stack_t *ret_old);
};

/* Those that hardly any program calls: to look for them would cost every one some time. */
struct real_rare {
	int (*mlockall)(int flags);
	void (*(*__sysv_signal)(int number, void (*handler)(int)))(int);
	void (*(*sigset)(int number, void (*handler)(int)))(int);
	int (*sigignore)(int number);
	int (*siginterrupt)(int number, int flag);
};

/*
 * real() - the table, complete
 *
 * A member is NULL when no object behind us defines it. May be called before our
 * constructor and by several threads at once; the first call is not async-signal-safe, and
 * the constructor makes it.
 */
const struct real *real(void);

/*
 * real_rare() - the same for the others, when the first of them is called
 *
 * That is not async-signal-safe, so what POSIX lets handlers call is better in the other table;
 * of these only sigset() is, and who calls it has called it before, to set the handler.
 */
const struct real_rare *real_rare(void);

/*
 * real_bound() - the function that objects are bound to by this name
 * @behind: without the program and what comes before us
 *
 * Return: NULL: nobody defines it. Takes the loader's lock.
 */
void *real_bound(const char *name, bool behind);

/* Doors before functions for threads, of which some process may have need: see repoint.h. */
void doors_start(void);

/*
 * real_rseq_at() - where the thread's rseq area is, from the thread pointer
 *
 * Return: 0: libc has registered none.
 */
long real_rseq_at(void);

/*
 * real_is_late() - did we come by dlopen(), with a plugin that is linked with us?
 *
 * To be asked by our constructor. False where it cannot be told.
 */
bool real_is_late(void);
