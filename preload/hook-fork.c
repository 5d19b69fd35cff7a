/* SPDX-License-Identifier: MIT */
/*
 * hook-fork.c - fork, _Fork and clone
 *
 * Sharing itself needs no hook: the pages are shared mappings long before. What must be
 * seen to is that a child finds every object whole, and that the process knows that it has
 * forked. For fork(), and for the forks inside libc that never come by a hook (daemon,
 * forkpty), the pthread_atfork() handlers of `lifecycle` do it; for the other two libc runs
 * none. vfork() is another matter: see hook-vfork.c.
 */
#include <sched.h>
#include <stdarg.h>

#include "adopt.h"
#include "family.h"
#include "identity.h"
#include "real.h"

static int not_there(void)
{
	errno = ENOSYS;
	return -1;
}

/*
 * Nothing to do, and done by a jump, so that no child comes back through a page of ours.
 * But a program that forks refers to it: without that a linker that drops unneeded
 * libraries (--as-needed) would drop -lfondue.
 */
FONDUE_EXPORT pid_t fork(void)
{
	return real()->fork ? real()->fork() : not_there();
}

/*
 * No atfork handlers run, and it is async-signal-safe: so is adopt_hold(), whose lock is
 * held only with signals blocked or by a thread that is forking.
 */
FONDUE_EXPORT pid_t _Fork(void)
{
	pid_t pid;

	adopt_hold();
	family_forks();
	pid = real()->_Fork ? real()->_Fork() : not_there();
	if (pid == 0)
		identity_forget();
	adopt_release();
	return pid;
}

struct child {
	int (*fn)(void *);
	void *arg;
};

static int start_child(void *arg)
{
	struct child child = *(struct child *)arg;

	identity_forget();
	return child.fn(child.arg);
}

/* With its own stack the child never returns through this frame: nothing is held meanwhile. */
FONDUE_EXPORT int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	void *parent_tid, *tls, *child_tid;
	va_list args;

	if (!real()->clone)
		return not_there();
	/* the three may be absent, then the kernel ignores what is read in their place */
	va_start(args, arg);
	parent_tid = va_arg(args, void *);
	tls = va_arg(args, void *);
	child_tid = va_arg(args, void *);
	va_end(args);
	if (flags & CLONE_VM)
		return real()->clone(fn, stack, flags, arg, parent_tid, tls, child_tid);
	family_forks();
	/* `child` is in memory that the child has a copy of */
	return real()->clone(start_child, stack, flags, &(struct child){ fn, arg }, parent_tid,
		tls, child_tid);
}
