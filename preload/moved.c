/* SPDX-License-Identifier: MIT */
/*
 * moved.c - one plan changes what another one has moved
 *
 * A variable that has moved may be a pointer to one that moves later: by a plan for another
 * object, or by a second one for the same. What it holds is to be changed where it is read
 * from, and not in the bytes that it has left, to which nobody refers.
 *
 * The list is changed under the loader's lock, and read without one by whoever reports
 * something. So what is taken out of it stays mapped, for the next plan of that size: the
 * same one, if its object is loaded again and again.
 */
#include <stdatomic.h>
#include <sys/mman.h>

#include "moved.h"

struct moved {
	struct moved *_Atomic next;
	uintptr_t base;
	intptr_t delta;
	size_t mapped;
	uint32_t count;
	const char *names;
	struct plan_variable variables[]; /* by address, disjoint; names stand behind them */
};

static struct moved *_Atomic first, *_Atomic spare;

static struct moved *take_spare(size_t size)
{
	for (struct moved *_Atomic *at = &spare; *at; at = &(*at)->next) {
		struct moved *moved = *at;

		if (moved->mapped == size) {
			*at = moved->next;
			return moved;
		}
	}
	return NULL;
}

static struct moved *make(size_t size)
{
	long at = sys_call(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return sys_failed(at) ? NULL : (struct moved *)at;
}

struct moved *moved_prepare(const struct plan *plan, uintptr_t base, intptr_t delta)
{
	uint32_t count = plan->header->variables;
	size_t names = plan->header->strings;
	size_t size = sizeof(struct moved) + count * sizeof(*plan->variables) + names;
	struct moved *moved = take_spare(size);

	if (!moved)
		moved = make(size);
	if (!moved)
		return NULL;
	moved->base = base;
	moved->delta = delta;
	moved->mapped = size;
	moved->count = count;
	for (uint32_t i = 0; i < count; i++)
		moved->variables[i] = plan->variables[i];
	moved->names = (char *)&moved->variables[count];
	for (size_t i = 0; i < names; i++)
		((volatile char *)moved->names)[i] = plan->strings[i];
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

/* The variable that @address was in, or NULL. */
static const struct plan_variable *find(const struct moved *moved, uintptr_t address)
{
	const struct plan_variable *v = moved->variables;
	uint32_t low = 0, high = moved->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		uintptr_t start = moved->base + v[middle].address;

		if (address - start < v[middle].size)
			return &v[middle];
		if (address < start)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

uintptr_t moved_place(uintptr_t address)
{
	for (const struct moved *moved = first; moved; moved = moved->next)
		if (find(moved, address))
			return address + moved->delta;
	return address;
}

uintptr_t moved_origin(uintptr_t address, const char **ret_name, size_t *ret_offset)
{
	*ret_name = NULL;
	for (const struct moved *moved = first; moved; moved = moved->next) {
		const struct plan_variable *v = find(moved, address - moved->delta);

		if (!v)
			continue;
		*ret_name = moved->names + v->name;
		*ret_offset = address - moved->delta - moved->base - v->address;
		return address - moved->delta;
	}
	return address;
}

void moved_forget(uintptr_t base, intptr_t delta)
{
	for (struct moved *_Atomic *at = &first; *at; at = &(*at)->next) {
		struct moved *moved = *at;

		if (moved->base != base || moved->delta != delta)
			continue;
		*at = moved->next;
		moved->next = spare;
		spare = moved;
		return;
	}
}
