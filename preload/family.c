/* SPDX-License-Identifier: MIT */
/*
 * family.c - parents, children, and the daemon that outlives them
 *
 * Memory made after a fork cannot reach processes that exist already, so what arrives
 * later can no longer be what the program asked for: one variable for the whole family.
 * For the process in which all began that is simple: it has forked or it has not. But a
 * daemon forks once or twice at its start, the parents end, and the survivor loads its
 * modules. Whether anybody else is left nobody can count without costing every fork
 * something. The kernel knows, though: a fork copies the address space with all the places
 * that were drawn at random when the program was executed, and /proc/PID/stat tells two of
 * them, where the code and the stack begin. Who has the same two as we do is a relative,
 * whatever system call it was born by. (Without address space randomization every run of
 * the program looks like one: too careful, never wrong. So is a process that does not let
 * us see, because it is somebody else's.)
 */
#include <fcntl.h>
#include <stdatomic.h>

#include "family.h"
#include "log.h"
#include "text.h"

static pid_t first; /* of the family; 0: not known */
static atomic_bool has_forked; /* relaxed: by the time it matters, whoever forked has returned */

static pid_t own_pid(void)
{
	return sys_call(SYS_getpid); /* not libc's: some cached it across raw clones */
}

void family_start(bool late)
{
	first = late ? 0 : own_pid();
}

void family_forks(void)
{
	/* after each fork the first write to a page costs a fault: so write once */
	if (!atomic_load_explicit(&has_forked, memory_order_relaxed))
		atomic_store_explicit(&has_forked, true, memory_order_relaxed);
}

/* What tells relatives from others. */
struct trait {
	unsigned long code, stack; /* where they begin; 0: a zombie's, 1: hidden from us */
};

/* Counted from the state, behind the name in parentheses, which may hold anything. */
#define FIELD_CODE  23
#define FIELD_STACK 25

static bool read_trait(int proc, const char *pid, struct trait *ret)
{
	char path[64], stat[1024]; /* longer than the line up to the stack */
	unsigned long fields[FIELD_STACK + 1] = { 0 };
	const char *at;
	long fd, got;

	log_format(path, sizeof(path), "%s/stat", pid);
	fd = sys_call(SYS_openat, proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = sys_call(SYS_read, fd, stat, sizeof(stat) - 1);
	(void)sys_call(SYS_close, fd);
	stat[got > 0 ? got : 0] = '\0';
	at = text_last(stat, ')');
	if (!at)
		return false;
	for (unsigned i = 0; i <= FIELD_STACK; i++) {
		while (*at && *at != ' ')
			at++;
		while (*at == ' ')
			at++;
		for (const char *digit = at; text_digit(*digit, 10) < 10; digit++)
			fields[i] = fields[i] * 10 + text_digit(*digit, 10);
	}
	*ret = (struct trait){ .code = fields[FIELD_CODE], .stack = fields[FIELD_STACK] };
	return true;
}

static bool may_be_relative(int proc, const char *pid, const struct trait *ours)
{
	struct trait its;

	if (!read_trait(proc, pid, &its))
		return false; /* gone meanwhile */
	return its.stack == 1 || (its.stack == ours->stack && its.code == ours->code);
}

/* What getdents64() fills in. */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* Relative to the directory throughout: an emulator answers for "/proc/self" itself. */
static bool has_relatives(int proc, const char *self, const struct trait *ours)
{
	char buffer[4096] __attribute__((aligned(8)));
	long got;

	while ((got = sys_call(SYS_getdents64, proc, buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < got;) {
			const struct entry *entry = (const void *)(buffer + at);

			at += entry->size;
			if (text_digit(entry->name[0], 10) < 10 &&
				!text_equals(entry->name, self) &&
				may_be_relative(proc, entry->name, ours))
				return true;
		}
	return got != 0;
}

/* Our number as this /proc has it; it may be that of another pid namespace. */
static bool read_self(int proc, char *ret_pid, size_t size)
{
	long len = sys_call(SYS_readlinkat, proc, "self", ret_pid, size - 1);

	ret_pid[len > 0 ? len : 0] = '\0';
	return len > 0;
}

static bool is_survivor(void)
{
	char self[24];
	struct trait ours;
	bool alone = false;
	long proc = sys_call(SYS_openat, AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (proc < 0)
		return false;
	/* the parent of 0 is outside of our pid namespace, where we cannot see it */
	if (sys_call(SYS_getppid) != 0 && read_self(proc, self, sizeof(self)) &&
		read_trait(proc, self, &ours) && ours.stack > 1)
		alone = !has_relatives(proc, self, &ours);
	(void)sys_call(SYS_close, proc);
	return alone;
}

bool family_alone(void)
{
	if (own_pid() == first)
		return !atomic_load_explicit(&has_forked, memory_order_relaxed);
	return is_survivor();
}
