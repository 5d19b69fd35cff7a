/* SPDX-License-Identifier: MIT */
/*
 * Description: thread-local variables beside annotated ones
 *
 * A thread's zero-initialised variables have a size but no place in the program: the
 * addresses that the linker gives them (.tbss) are those of whatever comes next, the
 * annotated section perhaps. They must not be taken for a neighbour of it; and they stay
 * what they are, a thread's own.
 */
#include <pthread.h>

#include <fondue/shared.h>

#include "sharing.h"
#include "../tap.h"

FONDUE_SHARED static volatile int word = 1;
FONDUE_SHARED_ZERO static volatile int zero[3000];

static __thread volatile char large[1 << 20]; /* .tbss, larger than all that follows */
static __thread volatile int initialised = 5; /* .tdata */

static void *use(void *unused)
{
	bool fresh = initialised == 5 && !large[0] && !large[sizeof(large) - 1];

	initialised = 6;
	large[0] = large[sizeof(large) - 1] = 1;
	(void)unused;
	return fresh ? (void *)1 : NULL;
}

static bool is_per_thread(void)
{
	pthread_t thread;
	void *fresh = NULL;

	if (pthread_create(&thread, NULL, use, NULL) || pthread_join(thread, &fresh))
		return false;
	return fresh && initialised == 5 && !large[0] && !large[sizeof(large) - 1];
}

/* A child's thread has a copy of the parent's. */
static bool is_per_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(use(NULL) ? CHILD_DONE : 1);
	return exit_status(pid) == CHILD_DONE && initialised == 5 && !large[0];
}

int main(void)
{
	test("a program with 1 MiB of thread-local variables is shared",
		fondue_active() == 1);
	test("its section shared is", is_shared(&word));
	test("its section shared_zero is", is_shared(&zero[2999]));
	test("thread-local variables are each thread's", is_per_thread());
	test("and each process's", is_per_process());
	return tap_done();
}
