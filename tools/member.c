/* SPDX-License-Identifier: MIT */
/*
 * member.c - the same number is another process in another pid namespace
 *
 * A slot has the numbers that its thread knows itself by, and the inode of its pid
 * namespace. In this very namespace they can be taken as they are, for as long as the slot's
 * life goes on. Otherwise /proc is searched, once, for the process that is in that namespace
 * and whose innermost number (NSpid in its status) is the one in the slot: there is one at
 * most. If it is not to be seen from here, it is not named.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "member.h"
#include "memory.h"

struct citizen {
	uint64_t namespace;
	pid_t here, there;
};

struct census {
	uint64_t own; /* namespace of this process */
	bool is_taken;
	struct citizen *list; /* of all other namespaces that can be seen */
	size_t count;
};

struct census *census_take(void)
{
	struct census *census = memory_get(sizeof(*census));

	census->own = thread_namespace();
	return census;
}

void census_free(struct census *census)
{
	free(census->list);
	free(census);
}

static uint64_t namespace_of(pid_t pid)
{
	char path[64];
	struct stat it;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	return stat(path, &it) == 0 ? it.st_ino : 0;
}

/* The number that a thread has in its own namespace, 0 when that is not known. */
static pid_t innermost(pid_t tid)
{
	char numbers[256];
	const char *last;
	pid_t number;

	if (!process_field(tid, "NSpid", numbers, sizeof(numbers)))
		return 0;
	last = strrchr(numbers, '\t');
	return process_number(last ? last + 1 : numbers, &number) ? number : 0;
}

static void add_citizen(struct census *census, pid_t pid)
{
	struct citizen citizen = { .namespace = namespace_of(pid), .here = pid };

	if (!citizen.namespace || citizen.namespace == census->own)
		return;
	citizen.there = innermost(pid);
	census->list = memory_grow(census->list, census->count, sizeof(*census->list));
	census->list[census->count++] = citizen;
}

static void fill(struct census *census)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t pid;

	census->is_taken = true;
	while (proc && (entry = readdir(proc)))
		if (process_number(entry->d_name, &pid))
			add_citizen(census, pid);
	if (proc)
		closedir(proc);
}

static pid_t find_process(struct census *census, uint64_t namespace, pid_t there)
{
	if (!census->is_taken)
		fill(census);
	for (size_t i = 0; i < census->count; i++)
		if (census->list[i].namespace == namespace && census->list[i].there == there)
			return census->list[i].here;
	return 0;
}

static pid_t find_thread(pid_t pid, pid_t there)
{
	struct dirent *entry;
	pid_t found = 0, tid;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && !found && (entry = readdir(tasks)))
		if (process_number(entry->d_name, &tid) && innermost(tid) == there)
			found = tid;
	if (tasks)
		closedir(tasks);
	return found;
}

static void find_foreign(struct member *member, struct census *census)
{
	pid_t pid = find_process(census, member->namespace, member->pid_there);

	if (!pid)
		return;
	member->tid = find_thread(pid, member->tid_there);
	member->pid = member->tid ? pid : 0;
}

void member_find(struct member *member, const struct thread *thread, struct census *census)
{
	*member = (struct member){
		.pid_there = thread->pid,
		.tid_there = thread->tid,
		.namespace = thread->namespace,
		.is_foreign = !thread->namespace || thread->namespace != census->own,
		.is_dead = thread->life != LIFE_GOES_ON,
	};
	if (member->is_dead)
		return;
	if (!member->is_foreign) {
		member->pid = member->pid_there;
		member->tid = member->tid_there;
	} else if (member->namespace) {
		find_foreign(member, census);
	}
}

void member_look(struct member *member, const struct family *family,
	const struct thread *thread, struct census *census)
{
	struct thread again;

	member_find(member, thread, census);
	if (!member->tid)
		return;
	thread_look(member->pid, member->tid, &member->state);
	if (family_thread(family, thread->number, &again) && thread_is_same(thread, &again))
		return;
	/* gone since, and the number may be somebody else's */
	member->is_dead = true;
	member->pid = member->tid = 0;
	member->state = (struct thread_state){ .is_there = false };
}
