/* SPDX-License-Identifier: MIT */
/*
 * seen.c - who holds it, since when; told to those who look
 *
 * A lock of eight bytes does not remember when it was taken. Those who wait for it do: each
 * keeps in its slot which lock it wants, which word it has seen there, and since when it has
 * been the same acquisition. Taking and releasing pays nothing for it. From these slots a
 * report (watch.c), a deadlock's proof (deadlock.c) and `fondue locks` are made; so it is
 * written in an order in which nobody who reads it can be misled.
 */
#include "seen.h"
#include "limit.h"
#include "registry.h"
#include "told.h"

struct wait_watch wait_watch;

static struct slot *slot_of(const struct identity *me)
{
	return me->number == SLOT_ANONYMOUS ? NULL : &registry->slots[me->number];
}

/* Relaxed: each by itself; but for the place, which is written before the lock. */
void seen_publish(const struct waiter *w, const void *wants)
{
	struct slot *slot = slot_of(w->me);

	if (!slot)
		return;
	atomic_store_explicit(&slot->seen, w->seen, memory_order_relaxed);
	atomic_store_explicit(&slot->seen_since, w->seen_since, memory_order_relaxed);
	if (atomic_load_explicit(&slot->wants, memory_order_relaxed) != (uintptr_t)wants) {
		atomic_store_explicit(&slot->wants_since, w->now, memory_order_relaxed);
		slot->wants_site = w->site;
	}
	/* release: the place is this wait's; pairs with the load in facts.c */
	atomic_store_explicit(&slot->wants, (uintptr_t)wants, memory_order_release);
}

/* The acquisition that was told of is over. */
static void say_over(struct waiter *w, const char *how)
{
	if (w->told)
		wait_watch.over(w->lock, w->seen, w->now, how);
	w->told = false;
}

/*
 * Of the runtime's acquisitions each has its number; those of the fast path look alike, but
 * there are none while SLEEP is up. It has been, all the time, if the last sleep ended by
 * the clock. A record of it ends with it, for a release that sees SLEEP says so; and so does
 * whoever raises SLEEP, which was down.
 */
static bool is_the_same(const struct waiter *w, uint32_t word)
{
	if (word != w->seen)
		return false;
	if (word & WORD_RUNTIME)
		return true;
	return w->unbroken && (lock_wait(w->lock) & WAIT_SLEEP) &&
	       (!w->recorded || told_lasts((uintptr_t)w->lock, word));
}

/* Somebody who waits no more has seen it longer than we have. */
static void resume(struct waiter *w)
{
	uint64_t since;

	w->recorded = ((w->seen & WORD_RUNTIME) || (lock_wait(w->lock) & WAIT_SLEEP)) &&
		      told_resume((uintptr_t)w->lock, w->seen, &since);
	if (!w->recorded)
		return;
	w->unbroken = true;
	if (since >= w->seen_since)
		return;
	w->seen_since = since;
	if (w->tell_at != UINT64_MAX)
		w->tell_at = since + w->limit;
}

/* release: never seen with an older `seen`; pairs with the load in deadlock.c */
static void publish_look(const struct waiter *w)
{
	struct slot *slot = slot_of(w->me);

	if (slot)
		atomic_store_explicit(&slot->looked_at, w->now, memory_order_release);
}

/* When to tell of what is seen since now. */
static uint64_t tell_at(struct waiter *w, uint32_t word)
{
	w->limit = wait_watch.held ? limit_of(w->lock) : 0;
	return word_slot(word) && w->limit ? w->now + w->limit : UINT64_MAX;
}

/* The lock is another's now, given by its owner or, to an heir, by its death. */
static void say_passed_on(struct waiter *w, uint32_t word)
{
	if (word != w->seen || !told_lasts((uintptr_t)w->lock, word))
		say_over(w, word_slot(word) ? "passed on" : "released");
}

void seen_observe(struct waiter *w, uint32_t word)
{
	if (is_the_same(w, word)) {
		publish_look(w);
		return;
	}
	say_passed_on(w, word);
	w->seen = word;
	w->seen_since = w->now;
	w->tell_at = tell_at(w, word);
	resume(w);
	seen_publish(w, w->lock);
	publish_look(w);
}

void seen_begin_anew(struct waiter *w)
{
	w->seen_since = w->now; /* see is_the_same() */
	w->recorded = false;
	w->told |= told_end((uintptr_t)w->lock, w->seen);
	say_over(w, "released");
	if (w->tell_at != UINT64_MAX)
		w->tell_at = w->now + w->limit;
}

void seen_tell(struct waiter *w)
{
	w->told = true;
	w->tell_at = wait_watch.held(w);
	w->recorded |= told_lasts((uintptr_t)w->lock, w->seen);
	if (w->tell_at)
		return;
	w->unbroken = false; /* the same word again is another acquisition */
	w->tell_at = UINT64_MAX;
}

void seen_leave(struct waiter *w, uint32_t word)
{
	const struct lasting lasting = { .lock = (uintptr_t)w->lock, .word = word,
		.since = w->seen_since, .limit_ns = w->limit };

	if (w->limit && word_slot(word) && is_the_same(w, word)) {
		told_leave(&lasting, w->now);
		word = __atomic_load_n(&w->lock->word, __ATOMIC_SEQ_CST);
		if (is_the_same(w, word))
			return;
		/* or it would be taken for the next acquisition of that word */
		told_take_back(lasting.lock, lasting.word);
	}
	say_passed_on(w, word);
}

/* Before its slot may be somebody else's. */
void seen_dead(struct waiter *w, uint32_t word)
{
	const struct slot *dead = &registry->slots[word_slot(word)];
	struct inheritance *it = identity_inheritance(w->me, NULL);

	if (!it || !wait_watch.inherited)
		return;
	it->word = word;
	it->pid = atomic_load_explicit(&dead->pid, memory_order_relaxed);
	it->tid = atomic_load_explicit(&dead->tid, memory_order_relaxed);
	it->namespace = atomic_load_explicit(&dead->namespace, memory_order_relaxed);
	it->bound_at = atomic_load_explicit(&dead->bound_at, memory_order_relaxed);
	it->pc = registry_site(word_slot(word), (uintptr_t)w->lock).pc;
	it->lock = w->lock;
}

/* To be told when it is released: others wait for it. */
void seen_end(struct waiter *w)
{
	if (!w->told)
		return;
	w->me->over = w->lock;
	w->me->over_word = w->seen;
	w->me->over_at = w->now;
}
