/* SPDX-License-Identifier: MIT */
/*
 * locks.c - two rounds make a snapshot
 *
 * Nobody is stopped, so while one lock is read others change. Between two rounds lies a
 * pause that is longer than a busy lock keeps one owner, and only what both have seen
 * is said of a lock that nobody waits for: whatever is locked and released all the time
 * would else be a list of locks that are not held any more when it is printed.
 *
 * It also makes deadlocks certain. If a thread holds a lock in both rounds by one word and
 * waits for another in both since the same time, it did all the time between them. A circle
 * of such threads was closed at one moment, the end of the first round; and who waits in
 * it waits until somebody is killed, or until his deadline.
 */
#include <stdlib.h>
#include <string.h>

#include "locate.h"
#include "memory.h"
#include "round.h"

/* Between the rounds, ns: a turn of a lock that is fought over lasts 0.7 ms. */
#define PAUSE_NS 2000000

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Whether the one in the round @first is held as @lock is now. */
static bool has_stayed(const struct round *first, const struct lock *lock)
{
	const struct lock *before = round_find(first, &lock->key);

	return before && before->word == lock->word && before->state == lock->state &&
	       (lock->owner == SLOT_ANONYMOUS ||
		       thread_is_same(&before->thread, &lock->thread));
}

/* What both have seen beside one and the same owner is where that one took it. */
static void tell_place(const struct round *first, struct lock *lock)
{
	if (!has_stayed(first, lock) ||
		round_find(first, &lock->key)->taken_at != lock->taken_at)
		lock->taken_at = 0;
}

static int by_wait(const void *a, const void *b)
{
	const struct thread *x = a, *y = b;

	return x->wants_since < y->wants_since ? -1 : x->wants_since > y->wants_since;
}

/* At least since the earliest of those who wait has seen this very acquisition. */
static void tell_since(struct lock *lock)
{
	if (lock->waiter_count)
		qsort(lock->waiters, lock->waiter_count, sizeof(*lock->waiters), by_wait);
	for (size_t i = 0; i < lock->waiter_count && lock->owner; i++) {
		const struct thread *waiter = &lock->waiters[i];

		if (waiter->seen == lock->word && waiter->seen_since &&
			(!lock->held_since || waiter->seen_since < lock->held_since))
			lock->held_since = waiter->seen_since;
	}
}

static int by_importance(const void *a, const void *b)
{
	const struct lock *x = a, *y = b;

	if (!x->waiter_count != !y->waiter_count)
		return x->waiter_count ? -1 : 1;
	if (x->waiter_count && x->waiters[0].wants_since != y->waiters[0].wants_since)
		return x->waiters[0].wants_since < y->waiters[0].wants_since ? -1 : 1;
	if ((x->state == LOCK_DEAD) != (y->state == LOCK_DEAD))
		return x->state == LOCK_DEAD ? -1 : 1;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return key_compare(&x->key, &y->key);
}

/* What @second has found, without what was only passing. */
static void keep_locks(
	struct snapshot *snapshot, const struct round *first, struct round *second)
{
	for (size_t i = 0; i < second->count; i++) {
		struct lock *lock = &second->locks[i];

		if (!lock->waiter_count && !has_stayed(first, lock))
			continue;
		tell_since(lock);
		tell_place(first, lock);
		second->locks[snapshot->count++] = *lock;
	}
	if (snapshot->count)
		qsort(second->locks, snapshot->count, sizeof(*second->locks), by_importance);
}

static bool has_waited(const struct round *first, const struct thread *thread)
{
	return thread->number < first->used &&
	       thread_waits_on(&first->threads[thread->number], thread);
}

/* Which lock its owner waits for, in both rounds. */
static void link_locks(struct snapshot *snapshot, const struct round *first)
{
	size_t *wanted = memory_get(snapshot->used * sizeof(*wanted)); /* and 1 */

	for (size_t i = 0; i < snapshot->count; i++)
		for (size_t j = 0; j < snapshot->locks[i].waiter_count; j++)
			wanted[snapshot->locks[i].waiters[j].number] = i + 1;
	for (size_t i = 0; i < snapshot->count; i++) {
		struct lock *lock = &snapshot->locks[i];

		if (lock->state == LOCK_HELD && lock->owner < snapshot->used &&
			wanted[lock->owner] &&
			has_waited(first, &snapshot->threads[lock->owner]) &&
			has_stayed(first, lock))
			lock->next = wanted[lock->owner] - 1;
	}
	free(wanted);
}

/* Each lock leads to one other at most: whoever comes back to where he was has a circle. */
static void find_deadlocks(struct snapshot *snapshot)
{
	size_t *walk = memory_get(snapshot->count * sizeof(*walk)); /* whose; and 1 */

	for (size_t i = 0; i < snapshot->count; i++) {
		size_t at = i;

		while (at != LOCK_NONE && !walk[at]) {
			walk[at] = i + 1;
			at = snapshot->locks[at].next;
		}
		if (at == LOCK_NONE || walk[at] != i + 1)
			continue;
		while (!snapshot->locks[at].is_stuck) {
			snapshot->locks[at].is_stuck = true;
			at = snapshot->locks[at].next;
		}
	}
	free(walk);
}

/* Of @more locks, how many are none of those that were found? */
static void find_unnamed(struct snapshot *snapshot, const struct round *first)
{
	uint32_t *found = memory_get(snapshot->used * sizeof(*found));

	for (size_t i = 0; i < snapshot->count; i++) {
		const struct lock *lock = &snapshot->locks[i];

		if (lock->owner < snapshot->used &&
			lock->address != snapshot->threads[lock->owner].holds[0].lock)
			found[lock->owner]++;
	}
	for (uint32_t i = SLOT_FIRST; i < snapshot->used && i < first->used; i++) {
		const struct thread *thread = &snapshot->threads[i];
		const struct thread *before = &first->threads[i];
		uint32_t more = thread->more < before->more ? thread->more : before->more;

		if (more <= found[i] || thread->life == LIFE_NEVER ||
			!thread_is_same(thread, before))
			continue;
		snapshot->unnamed = memory_grow(snapshot->unnamed, snapshot->unnamed_count,
			sizeof(*snapshot->unnamed));
		snapshot->unnamed[snapshot->unnamed_count++] =
			(struct unnamed){ .thread = *thread, .count = more - found[i] };
	}
	free(found);
}

static void combine(
	struct snapshot *snapshot, const struct round *first, struct round *second)
{
	snapshot->now = snapshot->family->has_our_clock ? now_ns() : 0;
	clock_gettime(CLOCK_REALTIME, &snapshot->at);
	snapshot->used = second->used;
	snapshot->living = second->living;
	keep_locks(snapshot, first, second);
	snapshot->locks = second->locks;
	snapshot->threads = second->threads;
	link_locks(snapshot, first);
	find_deadlocks(snapshot);
	find_unnamed(snapshot, first);
}

bool locks_look(struct snapshot *snapshot, const struct family *family)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct round first, second;

	*snapshot = (struct snapshot){ .family = family };
	snapshot->census = census_take();
	snapshot->views = views_open(family);
	snapshot->locator = locator_open();
	if (round_take(&first, family, snapshot->views, snapshot->census)) {
		nanosleep(&pause, NULL);
		if (round_take(&second, family, snapshot->views, snapshot->census))
			combine(snapshot, &first, &second);
		round_free(&first);
	}
	if (snapshot->threads)
		return true;
	locks_free(snapshot);
	return false;
}

void locks_free(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->count; i++)
		free(snapshot->locks[i].waiters);
	free(snapshot->locks);
	free(snapshot->threads);
	free(snapshot->unnamed);
	census_free(snapshot->census);
	views_free(snapshot->views);
	locator_free(snapshot->locator);
}
