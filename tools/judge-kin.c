/* SPDX-License-Identifier: MIT */
/*
 * judge-kin.c - a forked process is not always a child in our sense
 *
 * What matters is whether anybody is left who could miss what the process has changed. Who
 * executes another program has nothing to tell, nor has a borrower: its memory is its
 * parent's. A daemon forks, and its parent leaves at once: then the one that stays is the
 * program itself, and what it changes is lost to nobody.
 */
#include <stdlib.h>

#include "judge-kin.h"
#include "memory.h"

/*
 * Daemonising: the parent had no other child, and was gone before it. So was who had started
 * the parent: some fork twice only to have nobody to wait for, and stay themselves.
 */
static bool is_successor(const struct seen *seen, const struct kin *kin, size_t i)
{
	const struct seen_process *self = &seen->processes[i];
	size_t elder = self->parent;

	if (kin->births[elder] != 1)
		return false;
	for (; elder != SEEN_NOBODY; elder = seen->processes[elder].parent) {
		uint64_t end_us = seen->processes[elder].end_us;

		if (!end_us || (self->end_us && end_us >= self->end_us))
			return false;
	}
	return true;
}

static void count_births(const struct seen *seen, struct kin *kin)
{
	for (size_t i = 0; i < seen->process_count; i++)
		if (seen->processes[i].parent != SEEN_NOBODY)
			kin->births[seen->processes[i].parent]++;
}

static void sort_in(const struct seen *seen, struct kin *kin, size_t i)
{
	const struct seen_process *process = &seen->processes[i];

	if (process->parent == SEEN_NOBODY)
		return;
	if (process->executed || process->is_borrower) {
		kin->spawned++;
	} else if (!process->is_looked_at) {
		kin->unseen++;
	} else if (!is_successor(seen, kin, i)) {
		kin->is_child[i] = true;
		kin->children++;
		kin->workers += !kin->births[i];
	}
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void list_pids(const struct seen *seen, struct kin *kin)
{
	for (size_t i = 0; i < seen->process_count; i++)
		kin->pids[i] = (uint64_t)seen->processes[i].pid;
	qsort(kin->pids, seen->process_count, sizeof(*kin->pids), by_number);
}

bool kin_is_pid(const struct kin *kin, uint64_t number)
{
	return bsearch(&number, kin->pids, kin->seen->process_count, sizeof(number),
		       by_number) != NULL;
}

static void note_looks(const struct seen *seen, struct kin *kin)
{
	for (size_t i = 0; i < seen->change_count; i++) {
		if (seen->changes[i].when == SEEN_EARLY)
			kin->has_early[seen->changes[i].process] = true;
		if (seen->changes[i].when == SEEN_SIGNAL)
			kin->has_signal[seen->changes[i].process] = true;
	}
}

void kin_find(const struct seen *seen, struct kin *ret)
{
	size_t count = seen->process_count;

	*ret = (struct kin){
		.seen = seen,
		.is_child = memory_get(count * sizeof(*ret->is_child)),
		.has_early = memory_get(count * sizeof(*ret->has_early)),
		.has_signal = memory_get(count * sizeof(*ret->has_signal)),
		.births = memory_get(count * sizeof(*ret->births)),
		.pids = memory_get(count * sizeof(*ret->pids)),
	};
	list_pids(seen, ret);
	note_looks(seen, ret);
	count_births(seen, ret);
	for (size_t i = 0; i < seen->process_count; i++)
		sort_in(seen, ret, i);
}

bool kin_is_ancestor(const struct seen *seen, size_t elder, size_t process)
{
	while (process != SEEN_NOBODY) {
		process = seen->processes[process].parent;
		if (process == elder)
			return true;
	}
	return false;
}

uint64_t kin_age(const struct seen *seen, size_t process, uint64_t at_us)
{
	uint64_t born = seen->processes[process].born_us;

	return at_us > born ? at_us - born : 0;
}
