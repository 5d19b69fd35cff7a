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
#include "family.h"

/* A daemon has two ancestors at most; a longer line is not worth following. */
#define ANCESTORS_MAX 8

static struct {
	pid_t self;
	bool children;	/* this process has forked */
	bool relatives; /* others descend from the same ancestors, or the line is too long */
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

/* Become the child of the process that `family` still describes. */
static void be_born(pid_t pid, bool had_siblings)
{
	if (had_siblings || family.count == ANCESTORS_MAX)
		family.relatives = true;
	else
		family.ancestors[family.count++] = family.self;
	family.self = pid;
	family.children = false;
}

struct family_mark family_before_fork(void)
{
	return (struct family_mark){ .had_children = family.children };
}

/* The hook knows the result; the atfork handlers have perhaps marked both sides already. */
void family_after_fork(struct family_mark mark, pid_t result)
{
	if (result > 0)
		family.children = true;
	else if (result < 0)
		family.children = mark.had_children;
	else if (family.self != own_pid())
		be_born(own_pid(), mark.had_children);
}

void family_forked_parent(void)
{
	family.children = true;
}

void family_forked_child(void)
{
	if (family.self != own_pid())
		be_born(own_pid(), family.children);
}

bool family_alone(void)
{
	family_forked_child(); /* by a raw system call that nothing announced */
	if (family.children || family.relatives)
		return false;
	for (unsigned i = 0; i < family.count; i++) {
		bool is_parent = i + 1 == family.count;
		pid_t pid = family.ancestors[i];

		if (is_parent ? sys_call(SYS_getppid) == pid : sys_call(SYS_kill, pid, 0) != -ESRCH)
			return false;
	}
	return true;
}
