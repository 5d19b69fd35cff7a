/* SPDX-License-Identifier: MIT */
/*
 * locate.c - an address in a slot, and whose it is
 *
 * A slot has the address of the code that took a lock, or asks for one. What is there is told
 * by the mappings of that very process. Of one that is gone, or cannot be looked at, nobody
 * knows any more what it had where: a relative has mostly the same, and its code lends a name
 * only if a lock is taken just there, too. Else the address is told as it is.
 *
 * A thousand who wait do so in a few places of one program. So what has been named is kept by
 * the place in the file that is mapped there, which is the same for all of them.
 */
#include <stdlib.h>

#include "locate.h"
#include "memory.h"
#include "view.h"

/* More than a program has places where it takes locks: a damaged registry ends here. */
#define KNOWN_MAX 4096

struct known {
	struct key key;
	struct code code;
};

struct locator {
	struct places *relative; /* the process that was asked for */
	struct places *last;	 /* that of thread `last_tid`; or NULL, it cannot be had */
	pid_t last_tid;
	struct known *known;
	size_t count;
};

struct locator *locator_open(void)
{
	return memory_get(sizeof(struct locator));
}

void locator_free(struct locator *locator)
{
	code_close(locator->relative);
	code_close(locator->last);
	for (size_t i = 0; i < locator->count; i++)
		code_free(&locator->known[i].code);
	free(locator->known);
	free(locator);
}

static const struct code *recall(const struct locator *locator, const struct key *key)
{
	for (size_t i = 0; i < locator->count; i++)
		if (!key_compare(&locator->known[i].key, key))
			return &locator->known[i].code;
	return NULL;
}

static const struct code *keep(struct locator *locator, const struct key *key, struct code code)
{
	locator->known = memory_grow(locator->known, locator->count, sizeof(*locator->known));
	locator->known[locator->count] = (struct known){ *key, code };
	return &locator->known[locator->count++].code;
}

static struct places *places_of(struct locator *locator, pid_t tid)
{
	if (locator->last_tid == tid)
		return locator->last;
	code_close(locator->last);
	locator->last = code_open(tid);
	locator->last_tid = tid;
	return locator->last;
}

static struct places *places_of_relative(const struct snapshot *snapshot)
{
	struct locator *locator = snapshot->locator;

	if (!locator->relative)
		locator->relative = code_open(snapshot->family->process.tid);
	return locator->relative;
}

/* Its number has been nobody else's meanwhile. */
static bool lives_on(const struct snapshot *snapshot, const struct thread *thread)
{
	struct thread again;

	return family_thread(snapshot->family, thread->number, &again) &&
	       thread_is_same(thread, &again);
}

/* Return, of this and the next: NULL, there is no more to tell than the address. */
static const struct code *find_in_own(const struct snapshot *snapshot,
	const struct thread *thread, const struct member *member, uint64_t pc)
{
	struct locator *locator = snapshot->locator;
	const struct code *known;
	struct places *places;
	struct code code;
	struct key key;

	if (!view_code_key(views_of(snapshot->views, member), pc, &key))
		return NULL;
	known = recall(locator, &key);
	if (known || locator->count == KNOWN_MAX)
		return known;
	places = places_of(locator, member->tid);
	if (!places)
		return NULL;
	code = code_find(places, pc);
	if (lives_on(snapshot, thread))
		return keep(locator, &key, code);
	code_free(&code);
	return NULL;
}

static const struct code *find_in_relative(const struct snapshot *snapshot, uint64_t pc)
{
	struct locator *locator = snapshot->locator;
	struct places *places = places_of_relative(snapshot);
	const struct code *known;
	struct key key;

	if (!places || !code_is_site(places, pc) ||
		!view_code_key(views_own(snapshot->views), pc, &key))
		return NULL;
	known = recall(locator, &key);
	if (known || locator->count == KNOWN_MAX)
		return known;
	return keep(locator, &key, code_find(places, pc));
}

static bool locate(const struct snapshot *snapshot, const struct thread *thread, uint64_t pc,
	struct code *ret)
{
	const struct code *code;
	struct member member;

	if (!pc)
		return false;
	member_find(&member, thread, snapshot->census);
	if (member.tid && views_of(snapshot->views, &member)->pid == member.pid)
		code = find_in_own(snapshot, thread, &member, pc);
	else
		code = find_in_relative(snapshot, pc);
	*ret = code ? *code : (struct code){ .address = pc };
	ret->address = pc; /* where one program lies in two places */
	return true;
}

bool locate_taken(const struct snapshot *snapshot, const struct lock *lock, struct code *ret)
{
	return locate(snapshot, &lock->thread, lock->taken_at, ret);
}

bool locate_asked(
	const struct snapshot *snapshot, const struct thread *waiter, struct code *ret)
{
	return locate(snapshot, waiter, waiter->wants_site.pc, ret);
}

/* It waits, has done so all the while that its stack was copied, and so has not moved. */
static struct stack *take_of_wait(const struct snapshot *snapshot, const struct thread *thread,
	const struct member *member)
{
	struct thread before, after;
	struct stack *stack;

	if (!family_thread(snapshot->family, thread->number, &before) || !before.wants)
		return NULL;
	stack = stack_take_of_wait(member->pid, member->tid, &before.wants_site);
	if (!stack || (family_thread(snapshot->family, thread->number, &after) &&
			      thread_waits_on(&before, &after)))
		return stack;
	stack_free(stack);
	return NULL;
}

struct stack *locate_stack(
	const struct snapshot *snapshot, const struct lock *lock, const char **ret_why)
{
	const struct thread *thread = &lock->thread;
	struct member member;
	struct stack *stack;

	member_look(&member, snapshot->family, thread, snapshot->census);
	if (!member.tid || member.is_dead) {
		*ret_why = member.is_dead ? "it is dead" : "it is not known who it is here";
		return NULL;
	}
	stack = take_of_wait(snapshot, thread, &member);
	if (!stack)
		stack = stack_take(member.pid, member.tid, ret_why);
	/* while that was taken, its number was nobody else's */
	if (!stack || lives_on(snapshot, thread))
		return stack;
	stack_free(stack);
	*ret_why = "it is gone";
	return NULL;
}
