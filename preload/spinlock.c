/* SPDX-License-Identifier: MIT */
/*
 * spinlock.c - waiting for a lock, and what makes it fair, fast, and proof against death
 *
 * The bits are in lockword.h, the fast path in <fondue/spinlock.h>, waiting in wait.c, waking
 * in wake.c. Here is what they follow, why that is right, and the doors to them.
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
 * sleeper: such an owner has &wait in its list_op_pending ("covered"). The fast path covers
 * nobody, so it takes the lock only where `wait` is 0 at the same instant: whoever sleeps
 * later sees that owner. A waker's, a waiter's: as a covered owner's, for as long as they
 * are in here: a wake does not die with its bearer. Left to the backstop, for no sleep is
 * longer than BACKSTOP_NS: a wake by the kernel that finds nobody asleep yet; and an owner
 * whom nobody watches, while its one list_op_pending is taken by a second lock, or by
 * a robust mutex that it locks or unlocks inside.
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
 *      list_op_pending if it dies before. In a process without membarrier
 *      every unlock comes by here and is a full barrier; and who waits there, for owners
 *      elsewhere that are none, looks again soon (STALE_NS).
 *  (3) RESERVED is stored by an exchange, then wait is loaded; a waiter that lands without
 *      the lock takes FLIGHT down by a locked operation, then loads word. So either the
 *      releaser sees FLIGHT gone and wakes the head, or the waiter sees RESERVED.
 *  (4) SLEEP is taken down only by a waker that has found nobody asleep, and it wakes
 *      everybody once more after that: who slept before is found, who comes later finds
 *      that wait has changed and does not fall asleep.
 *  (5) A release stores word, then reads FLIGHT, with nothing between; a waiter that lands
 *      without the lock takes FLIGHT down, then loads word. As in (2), the barrier between
 *      the two is the waiter's, for both. The one that came with SLEEP does not help here.
 *
 * All this has been gone through by a model checker: tests/model.
 *
 * The policy and its constants come from experiments on two processors, on Linux 6.18.
 */
#include <errno.h>

#include "spinlock.h"
#include "limit.h"
#include "park.h"
#include "registry.h"
#include "told.h"
#include "wait.h"
#include "wake.h"

static bool has_to_tell(struct identity *me, const fondue_spinlock_t *lock)
{
	return me->over == lock || identity_inheritance(me, lock);
}

/* Acquired: the fast path is not to release it, which could not tell under which word. */
static void got(struct waiter *w)
{
	if (!w->nested)
		identity_keep(w->me, w->lock);
	if (lock_wait(w->lock) && !w->owed)
		identity_cover(w->me, w->lock);
}

static bool is_mine(const struct identity *me, const fondue_spinlock_t *lock)
{
	return word_slot(lock_word(lock)) == me->number && me->number != SLOT_ANONYMOUS;
}

/*
 * Begin on the slow way. Return: false if the thread has the lock already, or is about to
 * take it: then we are a signal handler that must not wait for what it interrupts.
 */
static bool begin(struct waiter *w, fondue_spinlock_t *lock, const struct fondue_site *site)
{
	struct identity *me = identity_get();

	if (me->self.doing == (uintptr_t)lock)
		return false;
	if (is_mine(me, lock)) {
		/* or its parent's, or a sibling's: it may be the child of a bare system call */
		if (identity_is_busy(me) || !identity_notice_fork())
			return false;
		me = identity_get();
	}
	w->nested = identity_is_busy(me);
	if (!w->nested) {
		identity_do(me, FONDUE_DOING_OTHER);
		identity_note_site(me, site);
	}
	w->site = *site;
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

static int lock_it(struct waiter *w, uint64_t deadline, bool has_spun)
{
	int result = has_spun ? EBUSY : wait_awake(w);

	if (result != EBUSY)
		return result;
	/* what it holds it can release under this name only */
	if (!w->nested && identity_notice_fork()) {
		struct waiter before = *w;

		*w = (struct waiter){ .nested = false };
		(void)begin(w, before.lock, &before.site);
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

static int lock_slowly(fondue_spinlock_t *lock, const struct timespec *deadline,
	const struct fondue_site *site, bool has_spun)
{
	struct waiter w = { .nested = false };

	if (!begin(&w, lock, site))
		return EDEADLK;
	if (deadline && !is_time(deadline))
		return end(&w, EINVAL);
	return end(&w, lock_it(&w, in_ns(deadline), has_spun));
}

int spinlock_take(fondue_spinlock_t *lock, const struct timespec *deadline,
	const struct fondue_site *site)
{
	int saved = errno, result = lock_slowly(lock, deadline, site, false);

	errno = saved;
	return result;
}

static int lock_here(fondue_spinlock_t *lock, const struct timespec *deadline,
	const struct fondue_site *site)
{
	struct identity *me = identity_mine();
	int saved = errno, result = 0;
	bool has_spun = false;

	if (identity_is_idle(me))
		identity_note_site(me, site);
	if (!identity_is_idle(me) || !wait_briefly(me, lock, &has_spun))
		result = lock_slowly(lock, deadline, site, has_spun);
	errno = saved;
	return result;
}

void (*spinlock_asked_again)(
	const struct identity *me, const fondue_spinlock_t *lock, uintptr_t pc);

/*
 * The word says whose it is, also when a signal handler has interrupted its owner; but of a
 * child that signs as its parent it says nothing.
 */
void spinlock_tell_again(const fondue_spinlock_t *lock, const struct fondue_site *site)
{
	const struct identity *me = identity_mine();

	if (spinlock_asked_again && is_mine(me, lock) && !identity_is_inherited())
		spinlock_asked_again(me, lock, site->pc);
}

static int spinlock_lock(fondue_spinlock_t *lock, const struct timespec *deadline)
{
	struct fondue_site site = spinlock_site();
	int result = lock_here(lock, deadline, &site);

	if (result == EDEADLK)
		spinlock_tell_again(lock, &site);
	return result;
}

/* Whose caller holds it already is content with that. */
static int spinlock_lock_scoped(fondue_spinlock_t *lock)
{
	struct fondue_site site = spinlock_site();

	return lock_here(lock, NULL, &site);
}

int spinlock_try(fondue_spinlock_t *lock, const struct fondue_site *site)
{
	struct waiter w = { .nested = false };
	int saved = errno, result = EDEADLK;

	if (begin(&w, lock, site))
		result = end(&w, wait_try(&w));
	errno = saved;
	return result;
}

static int spinlock_trylock(fondue_spinlock_t *lock)
{
	struct fondue_site site = spinlock_site();

	return spinlock_try(lock, &site);
}

/* From here on it is as one that the fast path releases, for a signal handler, too. */
static void *begin_release(struct identity *me, fondue_spinlock_t *lock)
{
	void *before = identity_owe(me, lock);

	if (me->covered == lock) {
		me->covered = NULL;
		before = NULL;
	}
	if (me->kept == lock) {
		FONDUE_SET_(me->self.doing, (uintptr_t)lock);
		FONDUE_IN_ORDER_();
		me->kept = NULL;
	}
	FONDUE_IN_ORDER_();
	return before;
}

/* The word names its slot no more; nor does the thread say so. */
static void forget(struct identity *me, fondue_spinlock_t *lock)
{
	FONDUE_IN_ORDER_();
	if (me->self.doing != (uintptr_t)lock) {
		identity_forget_nested(me, lock);
		identity_name_one_less(me);
	} else
		identity_do(me, lock_wait(lock) && me->is_quick ? FONDUE_DOING_WARY :
								  identity_nothing(me));
}

/* Not before: who waits for the lock should not wait for the message. */
static void tell(struct identity *me, const fondue_spinlock_t *lock)
{
	struct inheritance *inherited = identity_inheritance(me, lock);

	if (inherited) {
		struct inheritance it = *inherited;

		inherited->lock = NULL;
		wait_watch.inherited(&it);
	}
	if (me->over == lock) {
		me->over = NULL;
		wait_watch.over(lock, me->over_word, me->over_at, "released");
	}
}

/* What is known of this acquisition is not to be taken for the thread's next one. */
static void end_told(const fondue_spinlock_t *lock, uint32_t word)
{
	if (told_end((uintptr_t)lock, word))
		wait_watch.over(lock, word, now_ns(), "released");
}

static int spinlock_unlock(fondue_spinlock_t *lock)
{
	struct identity *me = identity_mine();
	const struct inheritance *inherited;
	uint32_t word = lock_word(lock);
	int saved = errno;
	bool reserved;
	void *before;

	if (!identity_is_valid(me) || word_slot(word) != me->number)
		return EPERM;
	inherited = identity_inheritance(me, lock);
	if (inherited) /* nobody is to say that it was released */
		told_forget((uintptr_t)lock, inherited->word);
	before = begin_release(me, lock);
	wake_store(me, lock, &reserved);
	forget(me, lock);
	wake_after_store(me, lock, reserved);
	identity_owe_again(me, before);
	end_told(lock, word);
	if (has_to_tell(me, lock))
		tell(me, lock);
	errno = saved;
	return 0;
}

/* From the fast path: it has been released, and somebody sleeps. */
static void spinlock_released(fondue_spinlock_t *lock)
{
	struct identity *me = identity_mine();
	int saved = errno;
	void *before = identity_owe(me, lock);

	/* a slot that names no lock is not lost, should we die in here; @doing is for the header */
	FONDUE_SET_(me->self.holder->lock, 0);
	FONDUE_IN_ORDER_();
	wake_after_store(me, lock, false);
	identity_owe_again(me, before);
	end_told(lock, me->self.word);
	errno = saved;
}

static int spinlock_set_hold_limit(fondue_spinlock_t *lock, unsigned ms)
{
	return limit_set(lock, ms);
}

static int spinlock_on_hold(fondue_hold_callback *callback, void *arg)
{
	/* none at all in between, rather than the one with the other's argument */
	atomic_store(&wait_watch.callback, NULL);
	wait_watch.callback_arg = arg;
	/* release: the argument first; pairs with the acquire in watch.c */
	atomic_store_explicit(&wait_watch.callback, callback, memory_order_release);
	return 0;
}

/* Only audited locks are known by what was done with them. */
static void spinlock_init(fondue_spinlock_t *lock)
{
	(void)lock;
}

static int spinlock_may_nest(fondue_spinlock_t *a, fondue_spinlock_t *b)
{
	(void)a;
	(void)b;
	return 0;
}

const struct fondue_spin_calls spin_calls = {
	.lock = spinlock_lock,
	.trylock = spinlock_trylock,
	.unlock = spinlock_unlock,
	.released = spinlock_released,
	.set_hold_limit = spinlock_set_hold_limit,
	.on_hold = spinlock_on_hold,
	.init = spinlock_init,
	.may_nest = spinlock_may_nest,
	.lock_scoped = spinlock_lock_scoped,
};
