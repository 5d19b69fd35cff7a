/* SPDX-License-Identifier: MIT */
/*
 * family.c - parents, children, and the daemon that outlives them
 *
 * Memory made after a fork cannot reach processes that exist already, so what arrives
 * later can no longer be what the program asked for: one variable for the whole family.
 * That is true of a process that has forked and of one that was forked, unless everybody
 * else is gone: a daemon forks once or twice at its start, the parents end, and the
 * survivor loads its modules. So a child remembers its ancestors and looks whether they
 * still live. A pid that was given to a stranger since counts as alive: too careful, never
 * wrong. Raw clone() and syscall() are seen in the child (its pid has changed) but not in
 * the parent.
 */
#include <stdatomic.h>

#include "family.h"

/* A daemon has two ancestors at most; a longer line is not worth following. */
#define ANCESTORS_MAX 8

static struct {
	pid_t self;
	atomic_uint forks; /* that succeeded; relaxed: read where no fork can run unseen */
	bool relatives;	   /* others descend from the same ancestors, or the line is too long */
	unsigned count;
	pid_t ancestors[ANCESTORS_MAX]; /* the last is the parent */
} family;

static pid_t own_pid(void)
{
	return sys_call(SYS_getpid); /* not libc's: some cached it across raw clones */
}

void family_start(void)
{
	family.self = own_pid();
}

void family_forked_parent(void)
{
	atomic_fetch_add_explicit(&family.forks, 1, memory_order_relaxed);
}

void family_fork_failed(void)
{
	atomic_fetch_sub_explicit(&family.forks, 1, memory_order_relaxed);
}

static bool has_forked(void)
{
	return atomic_load_explicit(&family.forks, memory_order_relaxed) > 0;
}

/* `family` is still the parent's, as it was at the fork: become its child. */
void family_forked_child(void)
{
	pid_t pid = own_pid();

	if (family.self == pid)
		return;
	if (has_forked() || family.count == ANCESTORS_MAX)
		family.relatives = true;
	else
		family.ancestors[family.count++] = family.self;
	family.self = pid;
	atomic_store_explicit(&family.forks, 0, memory_order_relaxed);
}

bool family_alone(void)
{
	family_forked_child(); /* by a raw system call that nothing announced */
	if (has_forked() || family.relatives)
		return false;
	for (unsigned i = 0; i < family.count; i++) {
		bool is_parent = i + 1 == family.count;
		pid_t pid = family.ancestors[i];

		if (is_parent ? sys_call(SYS_getppid) == pid : sys_call(SYS_kill, pid, 0) != -ESRCH)
			return false;
	}
	return true;
}
