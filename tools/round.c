/* SPDX-License-Identifier: MIT */
/*
 * round.c - which locks there are, and whose
 *
 * Nobody keeps a list of locks. What is known of is what slots name: the locks that a thread
 * holds, one inside the other, is about to take or has just released, and the lock that it
 * waits for. Who owns a lock says only the lock itself: its word is read, then the slot that
 * it names, then the word once more. An owner counts if the word has stayed and the slot says
 * of itself that it holds something.
 *
 * What a dead slot names may have been freed and used for something else since; it is
 * a lock as long as its word names that slot. The same is asked of nested locks, which are
 * named when they are taken, and not before.
 */
#include <stdlib.h>

#include "../preload/lockword.h"
#include "memory.h"
#include "round.h"

/* Looks at a lock that changes hands meanwhile. */
#define LOOKS 8

/* A slot names a lock. */
struct mention {
	struct key key;
	const struct view *view;
	uint64_t address;
	const struct thread *thread;
	enum mentioned { MAY_HOLD, HOLDS_IT, WAITS } as;
};

struct taking {
	struct round *round;
	const struct family *family;
	struct views *views;
	struct census *census;
	struct mention *list;
	size_t count;
};

static bool names(const struct mention *it)
{
	uint32_t word;

	return view_read_word(it->view, it->address, &word) &&
	       word_slot(word) == it->thread->number;
}

static void mention(struct taking *taking, const struct thread *thread, uint64_t address,
	enum mentioned as)
{
	struct mention it = { .address = address, .thread = thread, .as = as };
	struct member member;

	if (!address)
		return;
	member_find(&member, thread, taking->census);
	it.view = views_of(taking->views, &member);
	/* others see his shared memory as he does, but not what is his own */
	if (!view_key(it.view, address, &it.key) ||
		(it.key.device == KEY_PRIVATE && it.view->pid != member.pid) ||
		(as == HOLDS_IT && !names(&it)))
		return;
	taking->list = memory_grow(taking->list, taking->count, sizeof(it));
	taking->list[taking->count++] = it;
}

static void collect(struct taking *taking)
{
	struct round *round = taking->round;

	for (uint32_t i = SLOT_FIRST; i < round->used; i++) {
		const struct thread *thread = &round->threads[i];
		bool lives = thread->life == LIFE_GOES_ON;

		if (thread->life == LIFE_NEVER)
			continue;
		round->living += lives;
		mention(taking, thread, thread->holds[0].lock, lives ? MAY_HOLD : HOLDS_IT);
		for (unsigned j = 1; j < HOLDS; j++)
			mention(taking, thread, thread->holds[j].lock, HOLDS_IT);
		if (lives)
			mention(taking, thread, thread->wants, WAITS);
	}
}

/* Of its word: what does it say? Return: does that make sense? */
static bool judge(const struct taking *taking, struct lock *lock)
{
	const struct thread *owner = &lock->thread;

	lock->owner = word_slot(lock->word);
	lock->state = !lock->word ? LOCK_FREE : !lock->owner ? LOCK_RESERVED : LOCK_HELD;
	if (!lock->owner || lock->owner == SLOT_ANONYMOUS)
		return true;
	if (lock->owner >= taking->round->used &&
		lock->owner >= family_used(taking->family))
		return false;
	if (!family_thread(taking->family, lock->owner, &lock->thread))
		return false;
	if (owner->life == LIFE_OVER)
		lock->state = LOCK_DEAD;
	return owner->life != LIFE_NEVER && (owner->holds[0].lock || owner->more);
}

static bool look(const struct taking *taking, struct lock *lock)
{
	uint32_t again;

	for (unsigned i = 0; i < LOOKS; i++) {
		bool makes_sense;

		if (!view_read_word(lock->view, lock->address, &lock->word))
			return false;
		makes_sense = judge(taking, lock);
		if (!view_read_word(lock->view, lock->address, &again))
			return false;
		if (makes_sense && again == lock->word)
			return true;
	}
	lock->state = LOCK_CHANGING;
	lock->word = lock->owner = 0;
	return true;
}

static int by_key(const void *a, const void *b)
{
	const struct mention *x = a, *y = b;

	return key_compare(&x->key, &y->key);
}

static void add_waiter(struct lock *lock, const struct thread *waiter)
{
	lock->waiters = memory_grow(lock->waiters, lock->waiter_count, sizeof(*lock->waiters));
	lock->waiters[lock->waiter_count++] = *waiter;
}

/* The lock that these @count have in common. */
static void add_lock(struct taking *taking, const struct mention *first, size_t count)
{
	struct round *round = taking->round;
	struct lock lock = { .key = first->key, .next = LOCK_NONE };
	bool is_there = false;

	for (size_t i = 0; i < count && !is_there; i++) {
		lock.view = first[i].view;
		lock.address = first[i].address;
		is_there = look(taking, &lock);
	}
	for (size_t i = 0; i < count && lock.owner; i++)
		/* by its address for the owner, which may be another */
		if (first[i].as != WAITS && first[i].thread->number == lock.owner)
			lock.taken_at = thread_took_at(&lock.thread, first[i].address);
	for (size_t i = 0; i < count; i++)
		/* its owner has it by now, and has not said so yet */
		if (first[i].as == WAITS && first[i].thread->number != lock.owner)
			add_waiter(&lock, first[i].thread);
	if (!is_there || (!lock.waiter_count && !lock.owner)) {
		free(lock.waiters);
		return;
	}
	round->locks = memory_grow(round->locks, round->count, sizeof(lock));
	round->locks[round->count++] = lock;
}

static void group(struct taking *taking)
{
	size_t end;

	if (taking->count)
		qsort(taking->list, taking->count, sizeof(*taking->list), by_key);
	for (size_t i = 0; i < taking->count; i = end) {
		end = i + 1;
		while (end < taking->count && !by_key(&taking->list[i], &taking->list[end]))
			end++;
		add_lock(taking, &taking->list[i], end - i);
	}
}

bool round_take(struct round *round, const struct family *family, struct views *views,
	struct census *census)
{
	struct taking taking = { round, family, views, census, NULL, 0 };

	*round = (struct round){ .used = family_used(family) };
	round->threads = round->used ? family_threads(family, round->used) : NULL;
	if (!round->threads)
		return false;
	collect(&taking);
	group(&taking);
	free(taking.list);
	return true;
}

void round_free(struct round *round)
{
	for (size_t i = 0; i < round->count; i++)
		free(round->locks[i].waiters);
	free(round->locks);
	free(round->threads);
	*round = (struct round){ .used = 0 };
}

static int lock_by_key(const void *key, const void *lock)
{
	return key_compare(key, &((const struct lock *)lock)->key);
}

struct lock *round_find(const struct round *round, const struct key *key)
{
	return round->count ? bsearch(key, round->locks, round->count, sizeof(*round->locks),
				      lock_by_key) :
			      NULL;
}
