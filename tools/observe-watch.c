/* SPDX-License-Identifier: MIT */
/*
 * observe-watch.c - debug registers: the processor stops whoever touches a variable
 *
 * Four addresses can be watched in each thread, 1, 2, 4 or 8 bytes at each, aligned. The
 * processor stops after the instruction, and DR6 says which of them it touched. There is no
 * telling a read from a write but by the value: what leaves another one behind has written.
 * The kernel's own accesses, as of a buffer that is given to write(2), are not seen.
 *
 * A new thread has none of them set, and exec clears them. So every thread is armed when it
 * stops for whatever reason, once its process belongs to a family: a child at its birth, its
 * parent from its first child on. A stop costs some 50 us, so after some accesses of one
 * process to one variable it is left alone.
 */
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include "memory.h"
#include "observe-variable.h"
#include "observe-watch.h"
#include "observe-where.h"
#include "process.h"

/* Of one process, to one variable: who reads at all does so among the first. */
#define ACCESSES_MAX 24

struct watched {
	size_t variable;  /* index in what is seen, or SEEN_NOBODY: it is not in this process */
	uint64_t address; /* in the process */
	unsigned width;
	uint64_t value; /* at the last access */
	unsigned accesses;
};

/* As many bytes as one register can, of those that are wanted. */
static unsigned width_of(uint64_t address, uint64_t wanted)
{
	unsigned width = 8;

	while (width > 1 && (width > wanted || address % width))
		width /= 2;
	return width;
}

static uint64_t value_of(pid_t tid, const struct watched *watched)
{
	struct process process = { .pid = tid, .tid = tid };
	uint64_t value = 0;

	process_read(&process, watched->address, &value, watched->width);
	return value;
}

static const struct loaded *find_object(const struct space *space, const char *path)
{
	for (size_t i = 0; i < space->loaded_count; i++)
		if (!strcmp(space->loaded[i].object->path, path))
			return &space->loaded[i];
	return NULL;
}

static struct watched find(struct observation *observation, const struct tracee *tracee,
	const struct space *space, unsigned i)
{
	const struct observe_options *options = observation->options;
	const struct seen_variable *wanted = options->watched[i];
	const struct loaded *loaded = find_object(space, options->watched_objects[i]);
	struct watched ret = { .variable = SEEN_NOBODY };
	struct variable_seen *variable =
		loaded ? symbols_at(loaded->object, wanted->address) : NULL;
	uint64_t size = wanted->size - options->watched_offsets[i];

	if (!variable || options->watched_offsets[i] >= wanted->size)
		return ret;
	if (options->watched_widths[i] && options->watched_widths[i] < size)
		size = options->watched_widths[i];
	ret.variable = variable_enter(
		variable, loaded->object, observation->seen, tracee->member->program);
	ret.address = wanted->address + loaded->bias + options->watched_offsets[i];
	ret.width = width_of(ret.address, size);
	ret.value = value_of(tracee->tid, &ret);
	return ret;
}

static struct watched *find_all(struct observation *observation, const struct tracee *tracee)
{
	struct watched *list;
	struct space space;

	if (!space_read(&space, tracee->tid))
		return NULL;
	list = memory_get(OBSERVE_WATCHED_MAX * sizeof(*list));
	for (unsigned i = 0; i < OBSERVE_WATCHED_MAX; i++)
		list[i] = i < observation->options->watched_count ?
				  find(observation, tracee, &space, i) :
				  (struct watched){ .variable = SEEN_NOBODY };
	space_free(&space);
	return list;
}

static bool set_register(pid_t tid, unsigned number, uint64_t value)
{
	return ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, u_debugreg[number]), value) ==
	       0;
}

/* Intel SDM 3B, 18.2.4: a bit to enable each, then four bits each: both ways, and width. */
static uint64_t control(const struct watched *list)
{
	static const uint64_t widths[] = { 0, 0, 1, 0, 3, 0, 0, 0, 2 };
	uint64_t ret = 0;

	for (unsigned i = 0; i < OBSERVE_WATCHED_MAX; i++)
		if (list[i].variable != SEEN_NOBODY && list[i].accesses < ACCESSES_MAX)
			ret |= UINT64_C(1) << 2 * i | (3 | widths[list[i].width] << 2)
							      << (16 + 4 * i);
	return ret;
}

static bool set_registers(pid_t tid, const struct watched *list)
{
	for (unsigned i = 0; i < OBSERVE_WATCHED_MAX; i++)
		if (list[i].variable != SEEN_NOBODY && !set_register(tid, i, list[i].address))
			return false;
	return set_register(tid, 7, control(list));
}

void watch_arm(struct observation *observation, struct tracee *tracee)
{
	struct member *member = tracee->member;

	if (!observation->options->watched_count || tracee->is_armed || member->is_over ||
		(!member->birth && !member->children))
		return;
	if (!member->watched)
		member->watched = find_all(observation, tracee);
	if (!member->watched || !set_registers(tracee->tid, member->watched))
		return;
	tracee->is_armed = true;
	observation->seen->has_watched = true;
}

void watch_parent(struct observation *observation, const struct member *child)
{
	for (struct tracee *tracee = observation->tracees; tracee; tracee = tracee->next)
		if (observation->options->watched_count && !tracee->is_armed &&
			tracee->member->index == child->parent)
			tracee->is_interrupted =
				ptrace(PTRACE_INTERRUPT, tracee->tid, 0, 0) == 0;
}

static void note(
	struct observation *observation, const struct tracee *tracee, struct watched *watched)
{
	struct seen *seen = observation->seen;
	uint64_t value = value_of(tracee->tid, watched);

	watched->accesses++;
	seen->accesses =
		memory_grow(seen->accesses, seen->access_count, sizeof(*seen->accesses));
	seen->accesses[seen->access_count++] = (struct seen_access){
		.process = tracee->member->index,
		.variable = watched->variable,
		.at_us = kin_now(observation),
		.value = value,
		.is_write = value != watched->value,
		.where = where_is(tracee, true),
	};
	watched->value = value;
}

bool watch_fired(struct observation *observation, struct tracee *tracee)
{
	struct watched *list = tracee->member->watched;
	siginfo_t info = { 0 };
	long fired;

	if (!list || !tracee->is_armed ||
		ptrace(PTRACE_GETSIGINFO, tracee->tid, 0, &info) != 0 ||
		info.si_code != TRAP_HWBKPT)
		return false;
	fired = ptrace(PTRACE_PEEKUSER, tracee->tid, offsetof(struct user, u_debugreg[6]), 0);
	for (unsigned i = 0; i < OBSERVE_WATCHED_MAX; i++)
		if (fired >> i & 1 && list[i].variable != SEEN_NOBODY &&
			list[i].accesses < ACCESSES_MAX)
			note(observation, tracee, &list[i]);
	set_register(tracee->tid, 6, 0);
	set_register(tracee->tid, 7, control(list));
	return true;
}
