/* SPDX-License-Identifier: MIT */
/*
 * view.c - one lock may have several addresses, and one address may be several locks
 *
 * What was mapped before the first fork lies at one address in the whole family. But a
 * member may have mapped more since then, and every member has memory of its own, with
 * locks for its threads in it. So an address is looked up in the maps of the thread that
 * has it in its slot; two are one lock if they lead to the same place in the same memory.
 */
#include <stdlib.h>

#include <fondue/spinlock.h>

#include "memory.h"
#include "view.h"

struct views {
	struct view **list; /* the first is the own one */
	size_t count;
};

static struct view *add(struct views *views, pid_t pid, pid_t tid)
{
	struct view *view = memory_get(sizeof(*view));

	view->pid = pid;
	view->tid = tid;
	(void)maps_read(&view->maps, tid); /* what cannot be read is empty */
	views->list = memory_grow(views->list, views->count, sizeof(*views->list));
	views->list[views->count++] = view;
	return view;
}

struct views *views_open(const struct family *family)
{
	struct views *views = memory_get(sizeof(*views));

	add(views, family->process.pid, family->process.tid);
	return views;
}

void views_free(struct views *views)
{
	for (size_t i = 0; i < views->count; i++) {
		maps_free(&views->list[i]->maps);
		free(views->list[i]);
	}
	free(views->list);
	free(views);
}

const struct view *views_own(struct views *views)
{
	return views->list[0];
}

const struct view *views_of(struct views *views, const struct member *member)
{
	struct view *found = NULL;

	if (!member->pid)
		return views_own(views);
	for (size_t i = 0; i < views->count && !found; i++)
		if (views->list[i]->pid == member->pid)
			found = views->list[i];
	if (!found)
		found = add(views, member->pid, member->tid);
	return found->maps.count ? found : views_own(views);
}

bool view_key(const struct view *view, uint64_t address, struct key *ret)
{
	const struct mapping *mapping = maps_at(&view->maps, address);

	if (!mapping || address % sizeof(fondue_spinlock_t))
		return false;
	if (mapping->is_shared)
		*ret = (struct key){ mapping->device, mapping->inode,
			mapping->offset + (address - mapping->start) };
	else
		*ret = (struct key){ KEY_PRIVATE, (uint64_t)view->pid, address };
	return true;
}

/* What a call returns to may be the end of all code: so it is the byte before that counts. */
bool view_code_key(const struct view *view, uint64_t address, struct key *ret)
{
	const struct mapping *mapping = maps_at(&view->maps, address - 1);

	if (!mapping || !mapping->is_executable || !mapping->inode)
		return false;
	*ret = (struct key){ mapping->device, mapping->inode,
		mapping->offset + (address - mapping->start) };
	return true;
}

bool view_read_word(const struct view *view, uint64_t address, uint32_t *ret)
{
	const struct process process = { .pid = view->pid, .tid = view->tid };

	return process_read(&process, address + offsetof(fondue_spinlock_t, word), ret,
		       sizeof(*ret)) == 0;
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

int key_compare(const struct key *a, const struct key *b)
{
	int device = compare(a->device, b->device);
	int inode = device ? device : compare(a->inode, b->inode);

	return inode ? inode : compare(a->offset, b->offset);
}
