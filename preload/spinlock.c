/* SPDX-License-Identifier: MIT */
/*
 * spinlock.c - waiting for a lock, and what makes it fair, fast, and proof against death
 *
 * The bits are in lockword.h, the fast path in <fondue/spinlock.h>, the releasing side in
 * wake.c. Here is how to wait, and why all of it is right.
 *
 * POLICY: barging within a turn, first come first served between turns.
 *
 *  1. A waiter spins for some 10 us, then sleeps on &wait. The kernel's queue of a futex
 *     is first in, first out: it is ours, too.
 *  2. A release that finds the lock untaken after a short grace wakes one sleeper (FLIGHT).
 *     If somebody takes it within the grace, the duty to wake is his: SLEEP is up, he
 *     will look when he releases. So threads are woken only while the lock idles, and
 *     fall asleep when a spinner's patience ends: as many stay awake as keep it busy.
 *  3. A turn lasts 0.7 ms while somebody sleeps. The release that ends it stores RESERVED
 *     instead of 0 and wakes the head of the queue. Everybody awake finds the lock taken
 *     and goes to sleep at its tail: those who are awake are exchanged as a whole. The
 *     heir measures the pause this has cost; his turn lasts at least 16 pauses, so that
 *     hand-overs never cost more than 6 %, on any machine, under any load.
 *  4. The first who goes to sleep on a RESERVED word wakes his own replacement: the
 *     scheduler queues it on the processor that is about to be free. Woken by somebody
 *     else, it is often queued behind a running thread while a processor lies idle.
 *  5. A woken waiter that finds the lock taken asks for it ("reserve at the next release")
 *     and yields, for it may have pushed the very owner off its processor.
 *  6. A flight that does not land for a whole turn is not waited for: the next idle release
 *     wakes another sleeper.
 *
 * A reservation names nobody. Only a thread's own compare-and-swap ever puts its slot into
 * a word; so a waiter that dies before is never taken for a dead owner.
 *
 * DEATH. The owner's: its life (registry.c) is marked by the kernel. A waiter looks at the
 * life of the owner it sees, and watches it while it sleeps. Of an owner that took the lock
 * when others were asleep already, and whom none of them watches, the kernel itself wakes a
 * sleeper: such an owner has &wait in its list_op_pending ("covered"). A waker's, a
 * waiter's: the same, for as long as they are in here: a wake does not die with its bearer.
 * Left to the backstop, for no sleep is longer than BACKSTOP_NS: a kernel's wake that finds
 * nobody asleep yet, and an owner to whom SLEEP has come too late to be covered.
 *
 * ORDERING.
 *
 *  (1) Locking is a compare-and-swap with acquire, unlocking a store with release: the
 *      critical section stays between them.
 *  (2) Unlocking stores word, then loads wait, with nothing between; a waiter sets SLEEP,
 *      then loads word. The waiter that raises SLEEP from 0 supplies the barrier that the
 *      owner has not: membarrier(2), between the two, is a full barrier P in every running
 *      thread of the family (one that is not running passed a barrier when it was switched
 *      out). If the owner's store is before P, the waiter sees the lock free and does not
 *      sleep; else the owner's load is after P and sees SLEEP. A second waiter that finds
 *      SLEEP up but P not done yet may miss the release; then the first, after P, sees the
 *      lock free and takes it, and its own release wakes the second, as does its
 *      list_op_pending if it dies before. Without membarrier every unlock is a full
 *      barrier: keys are 0, and all come by wake_release().
 *  (3) RESERVED is stored by an exchange, then wait is loaded; a waiter that lands without
 *      the lock takes FLIGHT down by a locked operation, then loads word. So either the
 *      releaser sees FLIGHT gone and wakes the head, or the waiter sees RESERVED.
 *  (4) SLEEP is taken down only by a waker that has found nobody asleep, and it wakes
 *      everybody once more after that: who slept before is found, who comes later finds
 *      that wait has changed and does not fall asleep.
 *  (5) A release stores word, then reads FLIGHT, with a full barrier between; a waiter that
 *      lands without the lock takes FLIGHT down, then loads word, as in (3). (2) does not
 *      help here: its barrier comes with SLEEP, which has been up before.
 *
 * All this has been gone through by a model checker: tests/model.
 *
 * The policy and its constants come from experiments on two processors, on Linux 6.18.
 */
#include <errno.h>
#include <limits.h>

#include "spinlock.h"
#include "park.h"
#include "registry.h"
#include "wake.h"

/* No sleep is longer, ns: what no other provision has caught is noticed after it. */
#define BACKSTOP_NS 50000000
/* A newcomer takes a reservation that is so old, ns: whoever was woken is stopped, say. */
#define STALE_NS 5000000
/* A reservation whose age is beyond this was seen together with another lock's clock, ns. */
#define ABSURD_NS (1ULL << 40)
/* A turn lasts at least so many of the pauses that its beginning has cost. */
#define SHARE 16
/* Spinning: doubled from 1 to this many pauses between two looks at the word. */
#define PAUSES_MAX 16
/* A thread's patience grows by this when spinning has paid, and shrinks when not. */
#define PATIENCE_GROWS	 8
#define PATIENCE_SHRINKS 4
#define PATIENCE_MIN	 20
/* Pauses to spin on a RESERVED word: whom it waits for may need this very processor. */
#define PATIENCE_RESERVED 20
/* A woken waiter: pauses before it asks, and between yields; before it gives up. */
#define LAND_ASK   50
#define LAND_TRIES 400

struct waiter {
	fondue_spinlock_t *lock;
	struct identity *me;
	bool nested;   /* the thread holds another one, or is about to */
	uint32_t word; /* what it wants to store */
	void *owed;    /* in the thread's list_op_pending before */
	struct turn *turn;
	uint64_t now; /* ns, since the beginning of this round */
	bool woken, late; /* how the last sleep ended */
	bool landed;	  /* took a reservation: its flight is over */
	bool owes_none;	  /* ... but another's still counts on FLIGHT */
};

/* The slot counts as named from before the try on, and no more when it has failed. */
static void name(struct identity *me, fondue_spinlock_t *lock, bool nested)
{
	if (!nested)
		identity_hold(me, lock);
	else
		FONDUE_SET_(me->self.holder->more, me->self.holder->more + 1);
	FONDUE_IN_ORDER_();
}

static void unname(struct identity *me, bool nested, uintptr_t doing)
{
	FONDUE_IN_ORDER_();
	if (!nested)
		identity_do(me, doing);
	else
		FONDUE_SET_(me->self.holder->more, me->self.holder->more - 1);
	FONDUE_IN_ORDER_();
}

static bool try_word(struct waiter *w, uint32_t from)
{
	name(w->me, w->lock, w->nested);
	if (lock_word_cas(w->lock, from, w->word))
		return true;
	unname(w->me, w->nested, FONDUE_DOING_OTHER);
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

enum spun { SPUN_GOT, SPUN_OUT, SPUN_RESERVED };

static enum spun spin(struct waiter *w)
{
	int reserved = 0, pauses = 1, used = 0;

	while (used < w->me->patience) {
		uint32_t word;

		for (int i = 0; i < pauses; i++)
			pause_once();
		used += pauses;
		word = lock_word(w->lock);
		if (!word && try_word(w, 0)) {
			spent_well(w->me);
			return SPUN_GOT;
		}
		if (word_is_reserved(word) && (reserved += pauses) > PATIENCE_RESERVED)
			return SPUN_RESERVED;
		pauses = pauses < PAUSES_MAX ? 2 * pauses : PAUSES_MAX;
	}
	if (reserved)
		return SPUN_RESERVED;
	spent_in_vain(w->me);
	return SPUN_OUT;
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
	registry_inherited(word_slot(word), w->lock);
	return OUTCOME_INHERITED;
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
	if (wait & WAIT_SLEEP)
		return true;
	park_barrier(); /* ORDERING (2) */
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

	if (!announce(w, &wait))
		return;
	word = __atomic_load_n(&w->lock->word, __ATOMIC_SEQ_CST);
	if (word_is_reserved(word) && !w->woken && !w->late)
		word = replace(w, word);
	else if (word_is_reserved(word))
		return;
	if (!word)
		return;
	awake = park(w->lock, wait, word_slot(word), earlier(w->now + BACKSTOP_NS, deadline));
	/* of several wakes FUTEX_WAITV tells the last: a death may hide one on the lock */
	w->woken = awake == AWAKE_WOKEN || awake == AWAKE_DEATH;
	w->late = awake == AWAKE_LATE;
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
	if (w->woken && !(wait & WAIT_SLEEP))
		unpark(w->lock, INT_MAX); /* see arrive() */
	word = __atomic_load_n(&w->lock->word, __ATOMIC_SEQ_CST);
	if (!word_slot(word))
		wake_pass_on(w->lock);
}

/* The slot is named by number from now on, for the fast path must not unlock it. */
static void name_by_number(struct identity *me)
{
	FONDUE_SET_(me->self.holder->more, me->self.holder->more + 1);
	FONDUE_IN_ORDER_();
	identity_do(me, FONDUE_DOING_OTHER);
}

/*
 * It is ours, and somebody sleeps who perhaps watches another: let the kernel wake him if
 * we die. Unlocking has to come by here and end it. (That of begin() has lasted until now,
 * or there would be an instant at which nobody knew.)
 */
static void cover(struct identity *me, fondue_spinlock_t *lock)
{
	if (!me->robust || me->covered)
		return;
	me->covered = lock;
	(void)identity_owe(me, lock);
	if (me->self.doing == (uintptr_t)lock)
		name_by_number(me);
}

static void uncover(struct identity *me, fondue_spinlock_t *lock)
{
	if (me->covered != lock)
		return;
	me->covered = NULL;
	identity_owe_again(me, NULL);
}

/* Acquired: what may the fast path do from here on? */
static void got(struct waiter *w)
{
	if (!w->nested && !w->me->has_barrier)
		name_by_number(w->me);
	if (lock_wait(w->lock))
		cover(w->me, w->lock);
}

static int wait_for(struct waiter *w, uint64_t deadline)
{
	enum outcome outcome;

	for (;;) {
		w->now = now_ns();
		outcome = attempt(w, __atomic_load_n(&w->lock->word, __ATOMIC_SEQ_CST));
		if (outcome == OUTCOME_GOT || outcome == OUTCOME_INHERITED)
			break;
		if (outcome == OUTCOME_AGAIN)
			continue;
		if (w->now >= deadline) {
			give_up(w);
			return ETIMEDOUT;
		}
		sleep_on(w, deadline);
	}
	arrive(w, outcome);
	return outcome == OUTCOME_INHERITED ? EOWNERDEAD : 0;
}

static bool is_mine(const struct identity *me, const fondue_spinlock_t *lock)
{
	return word_slot(lock_word(lock)) == me->number && me->number != SLOT_ANONYMOUS;
}

/*
 * Begin on the slow way. Return: false if the thread has the lock already, or is about to
 * take it: then we are a signal handler that must not wait for what it interrupts.
 */
static bool begin(struct waiter *w, fondue_spinlock_t *lock)
{
	struct identity *me = identity_get();

	if (me->self.doing == (uintptr_t)lock)
		return false;
	if (is_mine(me, lock)) {
		/* or its parent's, or a sibling's: it may be the child of a bare system call */
		if (me->self.doing != identity_nothing(me) || !identity_notice_fork())
			return false;
		me = identity_get();
	}
	w->nested = me->self.doing > FONDUE_DOING_NOBODY || me->self.holder->more;
	if (!w->nested)
		identity_do(me, FONDUE_DOING_OTHER);
	w->me = me;
	w->lock = lock;
	w->turn = turn_of(lock);
	w->word = me->next;
	me->next += WORD_STEP;
	w->owed = identity_owe(me, lock);
	return true;
}

/* Return: @result, with what goes with it. */
static int end(struct waiter *w, int result)
{
	bool has_it = result == 0 || result == EOWNERDEAD;

	if (has_it)
		got(w);
	else if (!w->nested)
		identity_do(w->me, identity_nothing(w->me));
	if (!has_it || w->me->covered != w->lock)
		identity_owe_again(w->me, w->owed);
	return result;
}

static int lock_it(struct waiter *w, uint64_t deadline)
{
	uint32_t word = lock_word(w->lock);
	enum spun spun;

	/* not worth spinning for: it is free, or its owner is dead */
	if (!word_is_reserved(word)) {
		enum outcome outcome = attempt(w, word);

		if (outcome == OUTCOME_GOT)
			return 0;
		if (outcome == OUTCOME_INHERITED)
			return inherit_early(w);
	}
	spun = spin(w);
	if (spun == SPUN_GOT)
		return 0;
	if (spun == SPUN_OUT)
		w->me->reserved = NULL;
	/* what it holds it can release under this name only */
	if (!w->nested && identity_notice_fork()) {
		fondue_spinlock_t *lock = w->lock;

		*w = (struct waiter){ .nested = false };
		(void)begin(w, lock);
	}
	return wait_for(w, deadline);
}

static bool is_time(const struct timespec *time)
{
	return time->tv_nsec >= 0 && time->tv_nsec < 1000000000;
}

static uint64_t in_ns(const struct timespec *time)
{
	if (!time)
		return UINT64_MAX;
	if (time->tv_sec < 0)
		return 0;
	/* later than the clock will ever show: for ever */
	if (time->tv_sec >= INT64_MAX / 1000000000)
		return UINT64_MAX;
	return (uint64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static int spinlock_lock(fondue_spinlock_t *lock, const struct timespec *deadline)
{
	struct waiter w = { .nested = false };
	int saved = errno, result;

	if (!begin(&w, lock))
		result = EDEADLK;
	else if (deadline && !is_time(deadline))
		result = end(&w, EINVAL);
	else
		result = end(&w, lock_it(&w, in_ns(deadline)));
	errno = saved;
	return result;
}

/* A reserved lock is as good as taken: somebody is on his way to it. */
static int try_it(struct waiter *w)
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

static int spinlock_trylock(fondue_spinlock_t *lock)
{
	struct waiter w = { .nested = false };
	int saved = errno, result = EDEADLK;

	if (begin(&w, lock))
		result = end(&w, try_it(&w));
	errno = saved;
	return result;
}

static int spinlock_unlock(fondue_spinlock_t *lock)
{
	struct identity *me = identity_mine();
	int saved = errno;
	bool by_number;
	void *before;

	if (!identity_is_valid(me) || word_slot(lock_word(lock)) != me->number)
		return EPERM;
	by_number = me->self.doing != (uintptr_t)lock;
	before = identity_owe(me, lock);
	wake_release(me, lock);
	identity_owe_again(me, before);
	uncover(me, lock);
	unname(me, by_number, identity_nothing(me));
	if (!me->self.holder->more && me->self.doing == FONDUE_DOING_OTHER)
		identity_do(me, identity_nothing(me));
	errno = saved;
	return 0;
}

/* From the fast path: it has been released, and somebody sleeps. */
static void spinlock_released(fondue_spinlock_t *lock)
{
	struct identity *me = identity_mine();
	int saved = errno;
	void *before = identity_owe(me, lock);

	wake_after_release(me, lock);
	identity_owe_again(me, before);
	errno = saved;
}

const struct fondue_spin_calls spin_calls = {
	.lock = spinlock_lock,
	.trylock = spinlock_trylock,
	.unlock = spinlock_unlock,
	.released = spinlock_released,
};
