/* SPDX-License-Identifier: MIT */
/*
 * wait.c - how to wait for a lock: try, spin, sleep, wake up, land
 *
 * Read spinlock.c first: POLICY, DEATH and ORDERING there number what is done here.
 */
#include <errno.h>
#include <limits.h>

#include "wait.h"
#include "park.h"
#include "registry.h"
#include "wake.h"

/* No sleep is longer, ns: what no other provision has caught is noticed after it. */
#define BACKSTOP_NS 50000000
/*
 * A reservation so old is taken by whoever comes, ns: he who was woken for it is stopped, say,
 * or died before. Whoever falls asleep at a reserved lock looks again then; so does whoever
 * has no barrier.
 */
#define STALE_NS 5000000
/* A reservation whose age is beyond this was seen together with another lock's clock, ns. */
#define ABSURD_NS (1ULL << 40)
/* A turn lasts at least so many of the pauses that its beginning has cost. */
#define SHARE 16
/* A thread's patience grows by this when spinning has paid, and shrinks when not. */
#define PATIENCE_GROWS	 8
#define PATIENCE_SHRINKS 4
#define PATIENCE_MIN	 20
/* Pauses to spin on a RESERVED word: whom it waits for may need this very processor. */
#define PATIENCE_RESERVED 20
/* A woken waiter: pauses before it asks, and between yields; before it gives up. */
#define LAND_ASK   50
#define LAND_TRIES 400

/* The slot counts as named from before the try on, and no more when it has failed. */
static bool try_word(struct waiter *w, uint32_t from)
{
	if (w->nested)
		identity_name_one_more(w->me);
	else
		identity_hold(w->me, w->lock);
	if (lock_word_cas(w->lock, from, w->word)) {
		if (w->nested)
			identity_note_nested(w->me, w->lock, &w->site);
		return true;
	}
	if (w->nested)
		identity_name_one_less(w->me);
	else
		identity_do(w->me, FONDUE_DOING_OTHER);
	return false;
}

static void spent_in_vain(struct identity *me)
{
	me->patience -= PATIENCE_SHRINKS;
	if (me->patience < PATIENCE_MIN)
		me->patience = PATIENCE_MIN;
}

static void spent_well(struct identity *me)
{
	me->patience += PATIENCE_GROWS;
	if (me->patience > PATIENCE_MAX)
		me->patience = PATIENCE_MAX;
}

/*
 * @take is tried when the lock is free; inlined, for it decides how long the lock is free.
 * Return: has it been taken?
 */
__attribute__((always_inline)) static inline bool spin(struct identity *me,
	fondue_spinlock_t *lock, bool (*take)(struct identity *, fondue_spinlock_t *, void *),
	void *arg)
{
	int reserved = 0;

	for (int used = 0; used < me->patience; used++) {
		uint32_t word;

		pause_once(); /* and no more: doubled each time, up to 16, 20 % less at 100 ns */
		word = lock_word(lock);
		if (!word && take(me, lock, arg)) {
			spent_well(me);
			return true;
		}
		if (word_is_reserved(word) && reserved++ > PATIENCE_RESERVED)
			return false;
	}
	if (reserved)
		return false;
	spent_in_vain(me);
	me->reserved = NULL;
	return false;
}

/* While somebody sleeps: let the kernel wake him if we die. */
static bool take_covered(struct identity *me, fondue_spinlock_t *lock)
{
	if (me->covered || identity_owes(me))
		return false;
	identity_hold(me, lock);
	identity_cover(me, lock);
	if (lock_word_cas(lock, 0, me->next)) {
		me->next += WORD_STEP;
		identity_keep(me, lock);
		return true;
	}
	identity_uncover(me, lock);
	identity_do(me, FONDUE_DOING_NOTHING);
	return false;
}

/* Like the fast path. */
static bool take_quiet(struct identity *me, fondue_spinlock_t *lock)
{
	identity_hold(me, lock);
	if (fondue_spin_try_quiet_(lock, me->self.word))
		return true;
	identity_do(me, FONDUE_DOING_NOTHING);
	return false;
}

static inline bool take(struct identity *me, fondue_spinlock_t *lock, void *unused)
{
	(void)unused;
	return lock_wait(lock) ? take_covered(me, lock) : take_quiet(me, lock);
}

bool wait_briefly(struct identity *me, fondue_spinlock_t *lock, bool *ret_spun)
{
	uint32_t word = lock_word(lock);

	*ret_spun = false;
	if (!word && take(me, lock, NULL))
		return true;
	/* not worth spinning for: its owner is dead, or this very thread, by whatever name */
	if (word_slot(word) == me->number || registry_is_dead(word_slot(word)))
		return false;
	*ret_spun = true;
	return spin(me, lock, take, NULL);
}

/* POLICY 5. We are the head of the queue. Returns when the lock may be had, or it is no use. */
static void land(struct waiter *w)
{
	uint32_t nothing = DUE_NOTHING;

	for (int i = 1; i < LAND_TRIES; i++) {
		if (!word_slot(lock_word(w->lock)))
			return;
		pause_once();
		if (i % LAND_ASK)
			continue;
		atomic_compare_exchange_strong_explicit(&w->turn->due, &nothing, DUE_QUICK,
			memory_order_relaxed, memory_order_relaxed);
		nothing = DUE_NOTHING;
		if (i > LAND_ASK)
			(void)sys_call(SYS_sched_yield);
	}
}

enum outcome { OUTCOME_GOT, OUTCOME_INHERITED, OUTCOME_AGAIN, OUTCOME_TAKEN };

/* The turn of whoever takes a reservation begins, and is long enough for what it has cost. */
static void begin_turn(struct waiter *w, uint64_t pause)
{
	uint64_t length = pause * SHARE > TURN_NS ? pause * SHARE : TURN_NS;

	atomic_store_explicit(&w->turn->next_at, w->now + length, memory_order_relaxed);
}

static enum outcome take_reserved(struct waiter *w, uint32_t word)
{
	uint64_t at = atomic_load_explicit(&w->turn->reserved_at, memory_order_relaxed);
	uint64_t age = w->now - at;
	bool is_stale = age > STALE_NS && age < ABSURD_NS;

	if (!w->woken && !w->late && !is_stale)
		return OUTCOME_TAKEN;
	if (!try_word(w, word))
		return OUTCOME_AGAIN;
	w->landed = true;
	w->owes_none = w->woken && (word & RESERVED_TWO);
	if (!(word & RESERVED_QUICK))
		begin_turn(w, age < ABSURD_NS ? age : 0);
	return OUTCOME_GOT;
}

static enum outcome attempt(struct waiter *w, uint32_t word)
{
	if (!word)
		return try_word(w, 0) ? OUTCOME_GOT : OUTCOME_AGAIN;
	if (word_is_reserved(word))
		return take_reserved(w, word);
	if (!registry_is_dead(word_slot(word)))
		return OUTCOME_TAKEN;
	if (!try_word(w, word))
		return OUTCOME_AGAIN;
	seen_dead(w, word);
	registry_inherited(word_slot(word), w->lock);
	return OUTCOME_INHERITED;
}

static void barrier(struct waiter *w)
{
	w->blind |= !park_barrier();
}

/* SLEEP goes up, and FLIGHT down if it was ours. Return: may we sleep on *ret_wait? */
static bool announce(struct waiter *w, uint32_t *ret_wait)
{
	uint32_t wait = __atomic_load_n(&w->lock->wait, __ATOMIC_SEQ_CST);
	uint32_t wanted = wait | WAIT_SLEEP;

	if (w->woken || w->late)
		wanted &= ~WAIT_FLIGHT;
	*ret_wait = wanted;
	if (wanted == wait)
		return true;
	if (!lock_wait_cas(w->lock, wait, wanted))
		return false;
	barrier(w); /* ORDERING (2), (5) */
	if (wait & WAIT_SLEEP)
		return true;
	seen_begin_anew(w);
	if (!atomic_load_explicit(&w->turn->due, memory_order_relaxed))
		begin_turn(w, 0); /* the first sleeper starts the turn */
	return true;
}

/* POLICY 4. Return: the word as it is now, 0 to look again. */
static uint32_t replace(struct waiter *w, uint32_t word)
{
	uint32_t two = (word & ~RESERVED_PAIR) | RESERVED_TWO;

	if (!(word & RESERVED_PAIR) || w->me->reserved == w->lock)
		return word;
	if (!lock_word_cas(w->lock, word, two))
		return 0;
	/* nobody there: no second landing is to be promised */
	if (unpark(w->lock, 1) || lock_word_cas(w->lock, two, two & ~RESERVED_TWO))
		return two;
	/* but somebody has counted on it already: then it is ours */
	(void)__atomic_fetch_and(&w->lock->wait, ~WAIT_FLIGHT, __ATOMIC_SEQ_CST);
	barrier(w); /* ORDERING (5) */
	w->woken = true;
	return 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void sleep_on(struct waiter *w, uint64_t deadline)
{
	uint32_t wait, word;
	enum awake awake;
	uint64_t longest;

	if (!announce(w, &wait))
		return;
	w->unbroken = false;
	word = __atomic_load_n(&w->lock->word, __ATOMIC_SEQ_CST);
	if (word_is_reserved(word) && !w->woken && !w->late)
		word = replace(w, word);
	else if (word_is_reserved(word))
		return;
	if (!word)
		return;
	longest = word_is_reserved(word) || w->blind ? STALE_NS : BACKSTOP_NS;
	awake = park(w->lock, wait, word_slot(word), earlier(w->now + longest, deadline));
	/* of several wakes FUTEX_WAITV tells the last: a death may hide one on the lock */
	w->woken = awake == AWAKE_WOKEN || awake == AWAKE_DEATH;
	w->late = awake == AWAKE_LATE;
	w->unbroken = w->late || awake == AWAKE_CUT;
	if (awake == AWAKE_WOKEN)
		land(w);
}

/*
 * Whatever was promised to us as a woken waiter is kept or passed on. SLEEP goes up: of a
 * waker that dies between taking it down and waking all, the kernel wakes one, who is us.
 */
static void arrive(struct waiter *w, enum outcome outcome)
{
	if (w->owes_none)
		return;
	if (w->woken || w->late || w->landed || outcome == OUTCOME_INHERITED)
		__atomic_store_n(&w->lock->wait, WAIT_SLEEP, __ATOMIC_SEQ_CST);
}

/* Without having slept: but it may be that the dead one was in flight. */
static int inherit_early(struct waiter *w)
{
	if (lock_wait(w->lock))
		arrive(w, OUTCOME_INHERITED);
	return EOWNERDEAD;
}

static void give_up(struct waiter *w)
{
	uint32_t wait, word;

	if (!w->woken && !w->late)
		return;
	wait = __atomic_fetch_and(&w->lock->wait, ~WAIT_FLIGHT, __ATOMIC_SEQ_CST);
	barrier(w); /* ORDERING (5) */
	if (w->woken && !(wait & WAIT_SLEEP))
		unpark(w->lock, INT_MAX); /* see arrive() */
	word = __atomic_load_n(&w->lock->word, __ATOMIC_SEQ_CST);
	if (!word_slot(word))
		wake_pass_on(w->lock);
}

static struct slot *slot_of(const struct identity *me)
{
	return me->number == SLOT_ANONYMOUS ? NULL : &registry->slots[me->number];
}

static int wait_on(struct waiter *w, uint64_t deadline)
{
	for (;;) {
		enum outcome outcome;
		uint32_t word;

		w->now = now_ns(); /* before the look: deadlock.c relies on it */
		word = __atomic_load_n(&w->lock->word, __ATOMIC_SEQ_CST);
		outcome = attempt(w, word);
		if (outcome == OUTCOME_GOT || outcome == OUTCOME_INHERITED) {
			arrive(w, outcome);
			return outcome == OUTCOME_INHERITED ? EOWNERDEAD : 0;
		}
		if (outcome == OUTCOME_AGAIN)
			continue;
		if (w->now >= deadline) {
			seen_leave(w, word);
			give_up(w);
			return ETIMEDOUT;
		}
		seen_observe(w, word);
		if (w->now >= w->tell_at) {
			seen_tell(w);
			continue; /* that may have taken a while */
		}
		sleep_on(w, earlier(deadline, w->tell_at));
	}
}

/* A signal handler that waits as well leaves what it interrupts as it was. */
int wait_for(struct waiter *w, uint64_t deadline)
{
	struct slot *slot = slot_of(w->me);
	uintptr_t wants = slot ? atomic_load_explicit(&slot->wants, memory_order_relaxed) : 0;
	struct slot before;
	int result;

	if (wants)
		before = *slot;
	result = wait_on(w, deadline);
	seen_publish(w, NULL);
	if (wants) {
		slot->looked_at = before.looked_at;
		slot->seen = before.seen;
		slot->seen_since = before.seen_since;
		slot->wants_since = before.wants_since;
		slot->wants_site = before.wants_site;
		slot->wants = wants;
	}
	if (result == 0)
		seen_end(w);
	return result;
}

/* A reserved lock is as good as taken: somebody is on his way to it. */
int wait_try(struct waiter *w)
{
	uint32_t word = lock_word(w->lock);

	w->now = word_is_reserved(word) ? now_ns() : 0;
	switch (attempt(w, word)) {
	case OUTCOME_GOT:
		return 0;
	case OUTCOME_INHERITED:
		return inherit_early(w);
	default:
		return EBUSY;
	}
}

static inline bool take_as_waiter(struct identity *me, fondue_spinlock_t *lock, void *w)
{
	(void)me;
	(void)lock;
	return try_word(w, 0);
}

int wait_awake(struct waiter *w)
{
	uint32_t word = lock_word(w->lock);

	/* not worth spinning for: it is free, or its owner is dead */
	if (!word_is_reserved(word)) {
		enum outcome outcome = attempt(w, word);

		if (outcome == OUTCOME_GOT)
			return 0;
		if (outcome == OUTCOME_INHERITED)
			return inherit_early(w);
	}
	return spin(w->me, w->lock, take_as_waiter, w) ? 0 : EBUSY;
}
