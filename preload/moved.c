/* SPDX-License-Identifier: MIT */
/*
 * moved.c - one plan changes what another one has moved
 *
 * A variable that has moved may be a pointer to one that moves later: by a plan for another
 * object, or by a second one for the same. What it holds is to be changed where it is read
 * from, and not in the bytes that it has left, to which nobody refers.
 */
#include <sys/mman.h>

#include "moved.h"

struct moved {
	struct moved *next;
	uintptr_t base;
	intptr_t delta;
	size_t mapped;
	uint32_t count;
	struct plan_variable variables[]; /* by address, disjoint; name is of no use here */
};

static struct moved *first;

struct moved *moved_prepare(const struct plan *plan, uintptr_t base, intptr_t delta)
{
	uint32_t count = plan->header->variables;
	size_t size = sizeof(struct moved) + count * sizeof(*plan->variables);
	struct moved *moved;
	long at = sys_call(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (sys_failed(at))
		return NULL;
	moved = (struct moved *)at;
	moved->base = base;
	moved->delta = delta;
	moved->mapped = size;
	moved->count = count;
	for (uint32_t i = 0; i < count; i++)
		moved->variables[i] = plan->variables[i];
	return moved;
}

void moved_abandon(struct moved *moved)
{
	(void)sys_call(SYS_munmap, moved, moved->mapped);
}

void moved_remember(struct moved *moved)
{
	moved->next = first;
	first = moved;
}

static bool holds(const struct moved *moved, uintptr_t address)
{
	const struct plan_variable *v = moved->variables;
	uint32_t low = 0, high = moved->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		uintptr_t start = moved->base + v[middle].address;

		if (address - start < v[middle].size)
			return true;
		if (address < start)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

uintptr_t moved_place(uintptr_t address)
{
	for (const struct moved *moved = first; moved; moved = moved->next)
		if (holds(moved, address))
			return address + moved->delta;
	return address;
}

void moved_forget(uintptr_t base, intptr_t delta)
{
	for (struct moved **at = &first; *at; at = &(*at)->next) {
		struct moved *moved = *at;

		if (moved->base != base || moved->delta != delta)
			continue;
		*at = moved->next;
		moved_abandon(moved);
		return;
	}
}
