/* SPDX-License-Identifier: MIT */
/*
 * interrupt.c - a preload behind the runtime's: a signal arrives in the middle of _Fork()
 *
 * A timer would have to be lucky. The runtime calls the next _Fork() there is, which is
 * this one, after it has made ready for a fork and before the fork happens.
 */
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

static pid_t (*next)(void);

__attribute__((constructor)) static void start(void)
{
	*(void **)&next = dlsym(RTLD_NEXT, "_Fork");
}

pid_t _Fork(void)
{
	raise(SIGUSR1);
	return next();
}
