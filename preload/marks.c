/* SPDX-License-Identifier: MIT */
/*
 * marks.c - sets of addresses in shared memory, without locks
 *
 * A set is a table of words that are looked through from where the address's hash says, to
 * the first that has never been used. What is taken out leaves a word that is in use, and
 * free for the next: so nobody who looks further meanwhile stops too early. Two who add the
 * same address at the same time may both succeed, in two words; then it is said twice, and
 * taken out by two.
 */
#include <stdatomic.h>
#include <sys/mman.h>

#include "marks.h"

/* More than a program has such locks, of which most are never in here. */
#define WORDS 1024

#define NEVER_USED 0
#define FREE	   1 /* no object has this address */

struct set {
	_Atomic uintptr_t words[WORDS];
};

/* Constant once the process may fork; NULL: there is no memory. */
static struct set *sets;

void marks_start(void)
{
	long at = sys_call(SYS_mmap, 0, MARKS_KINDS * sizeof(struct set),
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (!sets && !sys_failed(at))
		sets = (struct set *)at;
}

/* The word that @wanted is in, or NULL. */
static _Atomic uintptr_t *find(enum marks kind, const void *object, uintptr_t wanted)
{
	size_t first = ((uintptr_t)object >> 3) * 0x9e3779b97f4a7c15ULL >> 32;

	for (size_t i = 0; sets && i < WORDS; i++) {
		_Atomic uintptr_t *word = &sets[kind].words[(first + i) % WORDS];
		/* relaxed: of a mark nothing but the mark is read */
		uintptr_t there = atomic_load_explicit(word, memory_order_relaxed);

		if (there == wanted)
			return word;
		if (there == NEVER_USED)
			return NULL;
	}
	return NULL;
}

static _Atomic uintptr_t *find_room(enum marks kind, const void *object)
{
	_Atomic uintptr_t *room = find(kind, object, FREE);

	return room ? room : find(kind, object, NEVER_USED);
}

static bool change(_Atomic uintptr_t *word, uintptr_t from, uintptr_t to)
{
	return atomic_compare_exchange_strong_explicit(
		word, &from, to, memory_order_relaxed, memory_order_relaxed);
}

bool marks_add(enum marks kind, const void *object)
{
	_Atomic uintptr_t *room;

	if (marks_have(kind, object))
		return false;
	while ((room = find_room(kind, object))) {
		if (change(room, FREE, (uintptr_t)object) ||
			change(room, NEVER_USED, (uintptr_t)object))
			return true;
		/* another has taken it, and used a word up: there is an end to that */
	}
	return false;
}

bool marks_have(enum marks kind, const void *object)
{
	return find(kind, object, (uintptr_t)object) != NULL;
}

void marks_remove(enum marks kind, const void *object)
{
	_Atomic uintptr_t *word;

	while ((word = find(kind, object, (uintptr_t)object)))
		(void)change(word, (uintptr_t)object, FREE);
}
