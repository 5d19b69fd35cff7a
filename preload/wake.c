/* SPDX-License-Identifier: MIT */
/*
 * wake.c - whom a release gets going: nobody, a sleeper, or a sleeper and nobody else
 *
 * Read spinlock.c first: POLICY and ORDERING there number what is done here.
 */
#include <limits.h>

#include "wake.h"
#include "park.h"
#include "registry.h"

/* Pauses after a release in which somebody awake may take the lock: two transfers of its
 * cache line. 0 to 60 make no difference that could be measured. */
#define GRACE 2
/* A woken waiter that has not landed for so long is not waited for, ns: a turn. At 50 us
 * everybody is runnable again and fairness falls from 0.98 to 0.9; never: a processor may
 * lie idle, 10 % of the throughput. Doubled each time, up to the limit. */
#define FLIGHT_NS     TURN_NS
#define FLIGHT_MAX_NS 1000000
/* The clock is read once in so long, ns, and not at each release: 20 % at short sections. */
#define LOOK_MIN_NS 8000
#define LOOK_MAX_NS 32000
#define STRIDE_MAX  64

static uint64_t get64(_Atomic uint64_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

static void set64(_Atomic uint64_t *at, uint64_t value)
{
	atomic_store_explicit(at, value, memory_order_relaxed);
}

static uint32_t get(_Atomic uint32_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

static void set(_Atomic uint32_t *at, uint32_t value)
{
	atomic_store_explicit(at, value, memory_order_relaxed);
}

/* Fibonacci hashing: the upper bits of the product depend on all of the address. */
struct turn *turn_of(const fondue_spinlock_t *lock)
{
	/* Hints for one process are better than none; one set, for where the library's zeros
	 * fit behind its data, every program that loads it saves a mapping. */
	static struct turn own;

	_Static_assert(TURNS == 256, "eight bits are taken");
	if (!registry)
		return &own;
	return &registry->turns[((uintptr_t)lock * 0x9e3779b97f4a7c15ULL) >> 56];
}

/* Whoever it was made for is gone. Compared with any: a RESERVED_PAIR may be a TWO by now. */
static bool end_reservation(fondue_spinlock_t *lock)
{
	uint32_t word = __atomic_load_n(&lock->word, __ATOMIC_SEQ_CST);

	while (word_is_reserved(word))
		if (__atomic_compare_exchange_n(
			    &lock->word, &word, 0, 1, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	return false;
}

/*
 * FLIGHT is up. Nobody there: SLEEP comes down, and ORDERING (4). A reservation that has
 * counted on this FLIGHT since ends as well; return: false, for then to be passed on.
 */
static bool wake_one(fondue_spinlock_t *lock)
{
	if (unpark(lock, 1) || !lock_wait_cas(lock, WAIT_SLEEP | WAIT_FLIGHT, 0))
		return true;
	unpark(lock, INT_MAX);
	return !end_reservation(lock);
}

void wake_pass_on(fondue_spinlock_t *lock)
{
	do {
		uint32_t wait = lock_wait(lock);

		do
			if (!(wait & WAIT_SLEEP))
				return;
		while (!__atomic_compare_exchange_n(&lock->wait, &wait, wait | WAIT_FLIGHT, 1,
			__ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	} while (!wake_one(lock));
}

/* The time, if it was looked at now; 0. Then `due` says whether the turn is over. */
static uint64_t look_at_clock(struct identity *me, struct turn *turn)
{
	uint64_t now, since;

	if (--me->left >= 0)
		return 0;
	now = now_ns();
	since = now - me->looked;
	me->looked = now;
	if (since < LOOK_MIN_NS && me->stride < STRIDE_MAX)
		me->stride = me->stride * 2 + 1;
	else if (since > LOOK_MAX_NS)
		me->stride /= since > 4 * LOOK_MAX_NS ? 8 : 2;
	me->left = me->stride;
	if (now >= get64(&turn->next_at))
		set(&turn->due, DUE_RESERVE);
	return now;
}

static bool is_taken_at_once(fondue_spinlock_t *lock, struct turn *turn)
{
	for (int i = 0; i < GRACE; i++) {
		pause_once();
		if (!lock_word(lock))
			continue;
		if (!get(&turn->busy))
			set(&turn->busy, 1);
		return true;
	}
	return false;
}

/* POLICY 6 */
static bool is_overdue(struct turn *turn, uint64_t now)
{
	return now && now - get64(&turn->flight_at) > get64(&turn->flight_ns);
}

static bool put_in_flight(fondue_spinlock_t *lock, uint32_t wait)
{
	do
		if (!(wait & WAIT_SLEEP) || (wait & WAIT_FLIGHT))
			return false;
	while (!__atomic_compare_exchange_n(&lock->wait, &wait, wait | WAIT_FLIGHT, 1,
		__ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return true;
}

/* POLICY 2 */
static void wake_if_idle(struct identity *me, fondue_spinlock_t *lock)
{
	uint32_t wait = lock_wait(lock);
	struct turn *turn = turn_of(lock);
	uint64_t now, patience;

	if (!(wait & WAIT_SLEEP))
		return;
	now = look_at_clock(me, turn);
	if ((wait & WAIT_FLIGHT) && !is_overdue(turn, now))
		return;
	if (is_taken_at_once(lock, turn))
		return;
	patience = FLIGHT_NS;
	if (wait & WAIT_FLIGHT) {
		patience = get64(&turn->flight_ns) * 2;
		if (patience > FLIGHT_MAX_NS)
			patience = FLIGHT_MAX_NS;
	} else if (!put_in_flight(lock, wait)) {
		return;
	}
	set64(&turn->flight_ns, patience);
	set64(&turn->flight_at, now ? now : now_ns());
	if (!wake_one(lock))
		wake_pass_on(lock);
}

static uint32_t reservation(struct turn *turn, bool quick)
{
	uint32_t count = atomic_fetch_add_explicit(&turn->sequence, 1, memory_order_relaxed);

	count = (count * WORD_STEP) & RESERVED_COUNT;
	if (!count)
		count = WORD_STEP;
	if (quick)
		return count | RESERVED_QUICK;
	return count | (get(&turn->busy) ? RESERVED_PAIR : 0);
}

/* POLICY 3, or 5 when it is quick. The store to the word is the release. */
static void reserve(struct identity *me, fondue_spinlock_t *lock, struct turn *turn)
{
	uint64_t now = now_ns();
	bool quick = get(&turn->due) == DUE_QUICK;
	uint32_t word = reservation(turn, quick);

	set(&turn->due, DUE_NOTHING);
	set64(&turn->reserved_at, now);
	if (!quick) {
		set(&turn->busy, 0);
		set64(&turn->next_at, now + TURN_NS);
	}
	me->reserved = lock;
	(void)__atomic_exchange_n(&lock->word, word, __ATOMIC_SEQ_CST); /* ORDERING (3) */
}

static void wake_heir(fondue_spinlock_t *lock)
{
	uint32_t wait = __atomic_load_n(&lock->wait, __ATOMIC_SEQ_CST);

	while (wait & WAIT_SLEEP) {
		if (wait & WAIT_FLIGHT)
			return; /* he will find the reservation */
		if (__atomic_compare_exchange_n(&lock->wait, &wait, WAIT_SLEEP | WAIT_FLIGHT, 1,
			    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
			if (unpark(lock, 1))
				return;
			break;
		}
	}
	(void)end_reservation(lock); /* nobody there after all */
	wake_pass_on(lock);
}

void wake_store(struct identity *me, fondue_spinlock_t *lock, bool *ret_reserved)
{
	struct turn *turn = turn_of(lock);

	*ret_reserved = get(&turn->due) && lock_wait(lock);
	if (*ret_reserved)
		reserve(me, lock, turn);
	else if (me->has_barrier)
		__atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE); /* ORDERING (2), (5) */
	else
		(void)__atomic_exchange_n(&lock->word, 0, __ATOMIC_SEQ_CST);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void wake_after_store(struct identity *me, fondue_spinlock_t *lock, bool reserved)
{
	if (reserved)
		wake_heir(lock);
	else
		wake_if_idle(me, lock);
}
