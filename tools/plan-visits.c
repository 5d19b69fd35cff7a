/* SPDX-License-Identifier: MIT */
/*
 * plan-visits.c - a function that is called the same way does the same
 *
 * Each function is gone through once for each set of arguments that it is called with, and what
 * came of it is kept. That bounds the work, for most arguments are numbers nobody asks for, which
 * are all alike; and a function that calls itself is met while it is gone through.
 */
#include <string.h>

#include "memory.h"
#include "plan-visits.h"

static unsigned bucket_of(uint64_t entry)
{
	return entry * 2654435761u >> 4 & (VISITS_BUCKETS - 1);
}

static bool is_same(const struct visit *visit, uint64_t entry, const struct value *arguments)
{
	if (visit->entry != entry)
		return false;
	for (unsigned i = 0; i < ARGUMENTS; i++)
		if (!value_is_same(visit->arguments[i], arguments[i]))
			return false;
	return true;
}

struct visit *visits_find(
	const struct visits *visits, uint64_t entry, const struct value *arguments)
{
	struct visit *visit = visits->buckets[bucket_of(entry)];

	while (visit && !is_same(visit, entry, arguments))
		visit = visit->next;
	return visit;
}

struct visit *visits_add(struct visits *visits, uint64_t entry, const struct value *arguments)
{
	struct visit **bucket = &visits->buckets[bucket_of(entry)];
	struct visit *visit = memory_get(sizeof(*visit));

	visit->entry = entry;
	memcpy(visit->arguments, arguments, sizeof(visit->arguments));
	visit->next = *bucket;
	*bucket = visit;
	visits->count++;
	return visit;
}
