/* SPDX-License-Identifier: MIT */
/*
 * observe-kin.c - who is observed: processes by their threads, each with its parent
 *
 * The kernel reports of threads, by number. A number is of one thread at a time, so what is
 * known of it goes when its end has been reported. The record of a process in what was seen
 * stays, and is referred to by its index there.
 *
 * Who the parent is, /proc tells while the child waits at its birth, and the parent too: it
 * is stopped until its fork has been reported. A parent that is killed in just that moment
 * is no more to be known; then the child is taken for one of the program.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"
#include "observe-kin.h"

uint64_t kin_now(const struct observation *observation)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 -
	       observation->start_us;
}

void kin_set_due(struct observation *observation, uint64_t due_us)
{
	if (due_us < observation->due_us)
		observation->due_us = due_us;
}

struct tracee *kin_tracee(const struct observation *observation, pid_t tid)
{
	for (struct tracee *tracee = observation->tracees; tracee; tracee = tracee->next)
		if (tracee->tid == tid)
			return tracee;
	return NULL;
}

struct member *kin_member(const struct observation *observation, pid_t pid)
{
	for (struct member *member = observation->members; member; member = member->next)
		if (member->pid == pid)
			return member;
	return NULL;
}

struct member *kin_by_index(const struct observation *observation, size_t index)
{
	for (struct member *member = observation->members; member; member = member->next)
		if (member->index == index)
			return member;
	return NULL;
}

struct member *kin_program(const struct observation *observation)
{
	return kin_by_index(observation, 0);
}

struct seen_process *kin_seen(
	const struct observation *observation, const struct member *member)
{
	return &observation->seen->processes[member->index];
}

static pid_t field(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line ? (pid_t)strtol(line + strlen(name), NULL, 10) : 0;
}

/* One read for both: a fork is to cost little. */
static void ask(pid_t tid, pid_t *ret_process, pid_t *ret_parent)
{
	char path[64], status[1024];
	ssize_t length = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, status, sizeof(status) - 1);
		close(fd);
	}
	status[length > 0 ? length : 0] = '\0';
	*ret_process = field(status, "\nTgid:");
	*ret_parent = field(status, "\nPPid:");
}

static size_t parent_of(const struct observation *observation, pid_t parent)
{
	struct member *member = kin_member(observation, parent);

	if (!observation->seen->process_count)
		return SEEN_NOBODY;
	return member ? member->index : 0;
}

static size_t enter(struct observation *observation, pid_t pid, size_t parent)
{
	struct seen *seen = observation->seen;

	seen->processes =
		memory_grow(seen->processes, seen->process_count, sizeof(*seen->processes));
	seen->processes[seen->process_count] = (struct seen_process){
		.pid = pid, .parent = parent, .born_us = kin_now(observation)
	};
	return seen->process_count++;
}

const char *kin_program_path(pid_t tid)
{
	static char **paths;
	static size_t count;
	char link[64], path[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/%d/exe", tid);
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	for (size_t i = 0; i < count; i++)
		if (!strcmp(paths[i], path))
			return paths[i];
	paths = memory_grow(paths, count, sizeof(*paths));
	paths[count] = memory_copy(path);
	return paths[count++];
}

/* A child executes what its parent does, until it executes something else. */
static const char *inherited(const struct observation *observation, size_t parent)
{
	struct member *member =
		parent == SEEN_NOBODY ? NULL : kin_by_index(observation, parent);

	return member ? member->program : "";
}

static struct member *add_member(struct observation *observation, pid_t pid, size_t parent)
{
	struct member *member = memory_get(sizeof(*member));

	member->pid = pid;
	member->parent = parent;
	member->is_program = parent == SEEN_NOBODY;
	member->program = inherited(observation, parent);
	member->index = enter(observation, pid, parent);
	member->next = observation->members;
	observation->members = member;
	return member;
}

struct tracee *kin_add(struct observation *observation, pid_t tid, bool *ret_is_new)
{
	struct tracee *tracee = memory_get(sizeof(*tracee));
	struct member *member;
	pid_t process, parent;

	ask(tid, &process, &parent);
	member = process && process != tid ? kin_member(observation, process) : NULL;
	*ret_is_new = !member;
	if (!member)
		member = add_member(observation, tid, parent_of(observation, parent));
	tracee->tid = tid;
	tracee->member = member;
	tracee->next = observation->tracees;
	observation->tracees = tracee;
	return tracee;
}

static void remove_member(struct observation *observation, struct member *member)
{
	struct member **link = &observation->members;

	while (*link != member)
		link = &(*link)->next;
	*link = member->next;
	picture_free(member->birth);
	free(member->watched);
	free(member);
}

static bool has_tracee(const struct observation *observation, const struct member *member)
{
	for (struct tracee *tracee = observation->tracees; tracee; tracee = tracee->next)
		if (tracee->member == member)
			return true;
	return false;
}

void kin_remove(struct observation *observation, struct tracee *tracee)
{
	struct tracee **link = &observation->tracees;
	struct member *member = tracee->member;

	while (*link != tracee)
		link = &(*link)->next;
	*link = tracee->next;
	if (member->held == tracee)
		member->held = NULL;
	free(tracee);
	if (!has_tracee(observation, member))
		remove_member(observation, member);
}

void kin_leave_alone(struct observation *observation, struct tracee *tracee)
{
	struct tracee *next;

	for (struct tracee *other = observation->tracees; other; other = next) {
		next = other->next;
		if (other != tracee && other->member == tracee->member)
			kin_remove(observation, other);
	}
	tracee->is_ending = false;
	tracee->is_armed = false;
}

pid_t kin_reader(const struct observation *observation, const struct member *member)
{
	if (member->held)
		return member->held->tid;
	for (struct tracee *tracee = observation->tracees; tracee; tracee = tracee->next)
		if (tracee->member == member && !tracee->is_ending)
			return tracee->tid;
	return 0;
}
