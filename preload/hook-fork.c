/* SPDX-License-Identifier: MIT */
/*
 * hook-fork.c - fork, _Fork and clone
 *
 * Sharing itself needs none of these: the pages are shared mappings long before. The hooks
 * see to it that what was loaded without our seeing it is shared before the process
 * splits, and remember that it has split. Forks inside libc (daemon, forkpty) never come
 * by here; the pthread_atfork() handlers of `lifecycle` see those. vfork() is left alone:
 * it would return twice through our frame, and an exec follows.
 */
#include <sched.h>
#include <stdarg.h>

#include "family.h"
#include "lifecycle.h"
#include "real.h"

static pid_t with_memory(pid_t (*real_fork)(void))
{
	struct family_mark mark;
	pid_t pid;

	if (!real_fork) {
		errno = ENOSYS;
		return -1;
	}
	mark = family_before_fork();
	pid = real_fork();
	family_after_fork(mark, pid);
	return pid;
}

FONDUE_EXPORT pid_t fork(void)
{
	return with_memory(real()->fork); /* its atfork handlers do the rest */
}

/* No atfork handlers run, and it is async-signal-safe: nothing here may take a lock. */
FONDUE_EXPORT pid_t _Fork(void)
{
	return with_memory(real()->_Fork);
}

/* With its own stack the child never returns through this frame. */
FONDUE_EXPORT int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	struct family_mark mark = family_before_fork();
	void *parent_tid, *tls, *child_tid;
	va_list args;
	int pid;

	if (!real()->clone) {
		errno = ENOSYS;
		return -1;
	}
	/* the three may be absent, then the kernel ignores what is read in their place */
	va_start(args, arg);
	parent_tid = va_arg(args, void *);
	tls = va_arg(args, void *);
	child_tid = va_arg(args, void *);
	va_end(args);
	pid = real()->clone(fn, stack, flags, arg, parent_tid, tls, child_tid);
	if (!(flags & CLONE_VM) && pid > 0)
		family_after_fork(mark, pid);
	return pid;
}
