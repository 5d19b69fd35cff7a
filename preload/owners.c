/* SPDX-License-Identifier: MIT */
/*
 * owners.c - numbers for processes, and when one may be given again
 *
 * A tag beside each block says which process has allocated it, so that what is left of a dead
 * one can be named. The table says which process a number is, by pid and by the time at
 * which it started, for pids come again. 65,534 processes are told apart at a time. When all
 * numbers have been used the tags are gone through, and those of dead processes that have
 * left nothing are given again.
 *
 * A child finds that it has no number, for the page that holds its parent's is wiped. Without
 * such a page nobody who forks by a bare system call would be noticed: to have the parent's
 * number is bad enough, its life is never told.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "owners.h"
#include "born.h"
#include "heap-lock.h"
#include "log.h"
#include "text.h"
#include "thread-state.h"

static struct owners_here nobodys;
volatile struct owners_here *owners_here = &nobodys;

static void forget(void)
{
	owners_here->mine = TAG_FREE;
}

void owners_start(void)
{
	volatile struct owners_here *page = born_empty(sizeof(*page));

	if (page)
		owners_here = page;
	else
		pthread_atfork(NULL, NULL, forget);
}

static struct owner *entry(tag owner)
{
	return &heap_map.heap->owners[owner - 1];
}

/* "pid (name) S ppid ... starttime": the 22nd; the name may hold anything. 0: not known. */
static uint64_t started_at(int pid)
{
	char path[32], text[1024];
	const char *at;
	uint64_t value = 0;
	long fd, len;

	log_format(path, sizeof(path), "/proc/%d/stat", pid);
	fd = sys_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	len = sys_call(SYS_read, fd, text, sizeof(text) - 1);
	(void)sys_call(SYS_close, fd);
	text[len > 0 ? len : 0] = '\0';
	at = text_last(text, ')');
	for (unsigned field = 2; at && field < 22; field++) {
		while (*at && *at != ' ')
			at++;
		at = *at ? at + 1 : NULL;
	}
	for (; at && text_digit(*at, 10) < 10; at++)
		value = value * 10 + text_digit(*at, 10);
	return value;
}

uint64_t owners_view(void)
{
	return thread_proc_is_ours() ? thread_namespace() : 0;
}

bool owners_is_dead_in(uint64_t view, tag owner)
{
	struct owner *it = entry(owner);
	int pid = (int)atomic_load(&it->pid);
	uint64_t started = atomic_load(&it->started), now;

	if (owner == TAG_NOBODY || !pid || !started || !view ||
		atomic_load(&it->namespace) != view)
		return false;
	if (sys_call(SYS_kill, pid, 0) == -ESRCH)
		return true;
	now = started_at(pid);
	return now && now != started;
}

bool owners_is_dead(tag owner)
{
	return owners_is_dead_in(owners_view(), owner);
}

int owners_pid(tag owner)
{
	return owner == TAG_NOBODY ? 0 : (int)atomic_load(&entry(owner)->pid);
}

static void mark_slab(uint32_t unit, unsigned class)
{
	for (uint32_t i = 0; i < size_classes[class].blocks; i++) {
		tag owner = __atomic_load_n(tag_at(unit, i), __ATOMIC_RELAXED);

		if (owner && owner != TAG_NOBODY)
			atomic_store(&entry(owner)->is_counted, 1);
	}
}

/* Those that have blocks. */
static void mark_all(void)
{
	for (uint32_t unit = 1; unit < heap_map.heap->top; unit++) {
		unsigned kind = __atomic_load_n(&heap_map.kinds[unit], __ATOMIC_ACQUIRE);

		if (kind >= 1 && kind <= CLASSES)
			mark_slab(unit, kind);
		else if (kind == KIND_LARGE)
			mark_slab(unit, CLASSES); /* its tag is the first */
	}
}

/* The dead allocate nothing: who was dead before we looked and has no block has none for ever. */
static void sweep(void)
{
	uint64_t view = owners_view();

	for (tag owner = 1; owner < TAG_NOBODY; owner++)
		atomic_store(&entry(owner)->is_counted, !owners_is_dead_in(view, owner));
	mark_all();
	for (tag owner = 1; owner < TAG_NOBODY; owner++)
		if (!atomic_load(&entry(owner)->is_counted))
			atomic_store(&entry(owner)->pid, 0);
}

static tag find_unused(void)
{
	struct heap *heap = heap_map.heap;
	uint32_t used = atomic_load(&heap->owners_used);

	if (used < TAG_NOBODY - 1) {
		atomic_store(&heap->owners_used, used + 1);
		return used + 1;
	}
	for (tag owner = 1; owner < TAG_NOBODY; owner++)
		if (!atomic_load(&entry(owner)->pid))
			return owner;
	return TAG_FREE;
}

/*
 * A sweep takes some 20 ms: where it finds nothing, for all have left something, the next ones who
 * come do not try again, until something is reclaimed.
 */
#define UNSWEPT_MAX 64

static tag find_swept(void)
{
	struct heap *heap = heap_map.heap;
	uint32_t unswept = atomic_load(&heap->unswept);
	tag owner;

	if (unswept) {
		atomic_store(&heap->unswept, unswept - 1);
		return TAG_FREE;
	}
	sweep();
	owner = find_unused();
	if (!owner)
		atomic_store(&heap->unswept, UNSWEPT_MAX);
	return owner;
}

static tag take_number(int pid)
{
	tag owner = find_unused();
	struct owner *it;

	if (!owner)
		owner = find_swept();
	if (!owner)
		return TAG_NOBODY;
	it = entry(owner);
	atomic_store(&it->started, started_at(pid));
	atomic_store(&it->namespace, thread_namespace());
	atomic_store(&it->pid, (uint32_t)pid);
	return owner;
}

static void become(tag owner)
{
	owners_here->mine = owner;
	if (owners_here != &nobodys)
		owners_here->life = (atomic_fetch_add(&heap_map.heap->lives, 1) + 1) * OWNERS_LIFE;
}

/* Two threads of a process may both come here: the second finds what the first has got. */
tag owners_claim(void)
{
	struct heap *heap = heap_map.heap;
	bool inherited; /* nothing to mend */
	tag owner;

	if (!heap_lock(&heap->owners_lock, &inherited))
		return TAG_NOBODY;
	owner = owners_here->mine;
	if (!owner) {
		owner = take_number((int)sys_call(SYS_getpid));
		become(owner);
	}
	heap_unlock(&heap->owners_lock);
	return owner;
}
