/* SPDX-License-Identifier: MIT */
/*
 * Description: who reports, how often, and what the next one is told of it
 */
#include "registry.h"
#include "told.h"
#include "unit.h"

#define MS    1000000ULL
#define LIMIT (100 * MS)
#define START (1000 * MS)

static bool begin(uint32_t *ret_a, uint32_t *ret_b)
{
	if (!registry_create())
		return false;
	*ret_a = registry_claim();
	*ret_b = registry_claim();
	return true;
}

static struct lasting lasting_at(uintptr_t lock, uint32_t word)
{
	return (struct lasting){ .lock = lock, .word = word, .since = START, .limit_ns = LIMIT };
}

/* Report it as slot @number at @now. Return: which report it was; -1: not our turn. */
static int report(const struct lasting *lasting, uint32_t number, uint64_t now)
{
	unsigned count;

	if (told_claim(lasting, number, now, &count) != 0)
		return -1;
	told_keep_since(lasting->lock, lasting->word, lasting->since);
	told_done(lasting, number, now, count);
	return (int)count;
}

static int play_doubling(void)
{
	const struct lasting it = lasting_at(0x1000, 7);
	uint32_t a, b;

	must(begin(&a, &b));
	must(report(&it, a, START + LIMIT) == 0);
	must(report(&it, b, START + LIMIT) == -1);
	must(report(&it, b, START + 2 * LIMIT - 1) == -1);
	must(report(&it, b, START + 2 * LIMIT) == 1);
	must(report(&it, a, START + 4 * LIMIT - 1) == -1);
	/* late by ten doublings: one report */
	must(report(&it, a, START + 1025 * LIMIT) == 2);
	must(report(&it, a, START + 2047 * LIMIT) == -1);
	return CHILD_GOOD;
}

/* Who has looked at the lock before another began to report comes after that one. */
static int play_at_it(void)
{
	const struct lasting it = lasting_at(0x1000, 7);
	unsigned count;
	uint32_t a, b;

	must(begin(&a, &b));
	must(told_claim(&it, a, START + LIMIT + 2 * MS, &count) == 0);
	must(told_claim(&it, b, START + LIMIT, &count) != 0);
	must(told_claim(&it, b, START + LIMIT + 1000 * MS, &count) != 0);
	/* that one hangs */
	must(told_claim(&it, b, START + LIMIT + 3000 * MS, &count) == 0);
	return CHILD_GOOD;
}

/* What the fast path stores is the same for all locks of a thread. */
static int play_one_word(void)
{
	const struct lasting first = lasting_at(0x1000, 7), second = lasting_at(0x1008, 7);
	uint32_t a, b;

	must(begin(&a, &b));
	must(report(&first, a, START + LIMIT) == 0 && report(&second, a, START + LIMIT) == 0);
	must(told_is(first.lock, 7) && told_is(second.lock, 7));
	return CHILD_GOOD;
}

/* Thousands last at once, in pairs of lock and word; none is told twice. */
static int play_many(void)
{
	uint32_t a, b;
	unsigned late = 0;

	must(begin(&a, &b));
	atomic_store(&registry->slots[b].wants, 0x1000);
	for (unsigned i = 0; i < 4096; i++) {
		const struct lasting it = lasting_at(0x1000, 1 + i);
		uint64_t now = START + LIMIT + i;
		int first = report(&it, a, now);

		must(first == 0 || first == -1);
		late += first == -1;
		must(report(&it, a, now) == -1);
	}
	/* 4,096 in 65,536 places: 125 pairs are expected */
	must(late > 60 && late < 250);
	return CHILD_GOOD;
}

/* Return: the word of another acquisition of the lock that is kept at the same place. */
static uint32_t find_rival(const struct lasting *it, uint32_t number)
{
	for (uint32_t word = it->word + 1; word < 1u << 22; word++) {
		const struct lasting other = lasting_at(it->lock, word);

		if (report(&other, number, START + LIMIT) == -1)
			return word;
		told_forget(it->lock, word);
	}
	return 0;
}

static int play_rivals(void)
{
	const struct lasting it = lasting_at(0x1000, 7);
	struct lasting rival = it;
	uint64_t since;
	uint32_t a, b;

	must(begin(&a, &b));
	atomic_store(&registry->slots[b].wants, it.lock); /* it lasts, for somebody waits */
	must(report(&it, a, START + LIMIT) == 0);
	rival.word = find_rival(&it, a);
	must(rival.word);
	/* nothing of it is lost, and nothing taken for the other's */
	told_leave(&rival, START + LIMIT);
	must(!told_resume(rival.lock, rival.word, &since) && !told_is(rival.lock, rival.word));
	told_forget(rival.lock, rival.word);
	must(!told_end(rival.lock, rival.word) && !told_take(rival.lock, rival.word, &since));
	must(report(&it, a, START + 2 * LIMIT) == 1);
	/* it is over: now the other is told, if late */
	must(!told_end(it.lock, it.word));
	must(report(&rival, a, START + 3 * LIMIT) == 0);
	return CHILD_GOOD;
}

/* Of a lock that nobody waits for any more nothing is kept that another needs. */
static int play_abandoned(void)
{
	const struct lasting it = lasting_at(0x1000, 7);
	struct lasting rival = it;
	uint32_t a, b;

	must(begin(&a, &b));
	atomic_store(&registry->slots[b].wants, it.lock);
	must(report(&it, a, START + LIMIT) == 0);
	rival.word = find_rival(&it, a);
	atomic_store(&registry->slots[b].wants, 0);
	must(rival.word && report(&rival, a, START + LIMIT) == 0);
	return CHILD_GOOD;
}

/* Who came later reports by the time of who was there before. */
static int play_latecomer(void)
{
	struct lasting it = lasting_at(0x1000, 7), later = it;
	unsigned count;
	uint32_t a, b;

	must(begin(&a, &b));
	later.since = START + 30 * MS;
	must(told_claim(&later, b, later.since + LIMIT, &count) == 0);
	told_keep_since(it.lock, it.word, it.since); /* as the report finds out */
	must(told_done(&later, b, later.since + LIMIT, count) == START + 2 * LIMIT);
	must(report(&it, a, START + 2 * LIMIT - 1) == -1 && report(&it, a, START + 2 * LIMIT) == 1);
	must(report(&later, b, START + 4 * LIMIT - 1) == -1);
	must(report(&later, b, START + 4 * LIMIT) == 2);
	return CHILD_GOOD;
}

static int play_left(void)
{
	const struct lasting it = lasting_at(0x1000, 7);
	struct lasting later = it;
	uint64_t since;
	uint32_t a, b;

	must(begin(&a, &b));
	must(!told_resume(it.lock, it.word, &since));
	later.since = START + 10 * MS;
	told_leave(&later, START + 20 * MS);
	told_leave(&it, START + 20 * MS);    /* the earliest counts, ... */
	told_leave(&later, START + 30 * MS); /* ... whoever comes last */
	must(told_resume(it.lock, it.word, &since) && since == START);
	must(!told_resume(it.lock + 8, it.word, &since));
	must(!told_is(it.lock, it.word) && !told_take(it.lock, it.word, &since));
	must(report(&it, a, START + LIMIT) == 0);
	must(told_resume(it.lock, it.word, &since) && since == START);
	/* who was to say that it is over has left: its owner does */
	must(told_end(it.lock, it.word));
	must(!told_resume(it.lock, it.word, &since));
	must(told_take(it.lock, it.word, &since) && since == START);
	must(!told_take(it.lock, it.word, &since));
	return CHILD_GOOD;
}

/* Left by one who did not see that it had been released. */
static int play_taken_back(void)
{
	const struct lasting it = lasting_at(0x1000, 7);
	uint64_t since;
	uint32_t a, b;

	must(begin(&a, &b));
	told_leave(&it, START + 20 * MS);
	told_take_back(it.lock, it.word);
	must(!told_resume(it.lock, it.word, &since));
	/* not what somebody has reported */
	must(report(&it, a, START + LIMIT) == 0);
	told_leave(&it, START + LIMIT);
	told_take_back(it.lock, it.word);
	must(told_end(it.lock, it.word));
	/* nor is its end lost by who leaves too late */
	told_leave(&it, START + LIMIT);
	must(told_take(it.lock, it.word, &since) && since == START);
	return CHILD_GOOD;
}

/* The same word again: a new acquisition, of which nothing is known. */
static int play_again(void)
{
	struct lasting it = lasting_at(0x1000, 7);
	uint64_t since;
	uint32_t a, b;

	must(begin(&a, &b));
	must(report(&it, a, START + LIMIT) == 0 && report(&it, a, START + 2 * LIMIT) == 1);
	atomic_store(&registry->slots[b].wants, it.lock);
	must(!told_end(it.lock, it.word)); /* a waiter says it */
	/* nor is what is over reported by who has not seen that */
	must(report(&it, b, START + 3 * LIMIT) == -1);
	it.since = START + 2 * LIMIT + 2 * MS;
	must(report(&it, b, START + 4 * LIMIT) == 0);
	told_leave(&it, START + 4 * LIMIT);
	must(told_end(it.lock, it.word) && !told_resume(it.lock, it.word, &since));
	return CHILD_GOOD;
}

/* Released while it is being reported: its end can still be told. */
static int play_end_in_report(void)
{
	const struct lasting it = lasting_at(0x1000, 7);
	uint64_t since;
	unsigned count;
	uint32_t a, b;

	must(begin(&a, &b));
	must(told_claim(&it, a, START + LIMIT, &count) == 0 && count == 0);
	must(!told_end(it.lock, it.word));
	told_keep_since(it.lock, it.word, START);
	told_done(&it, a, START + LIMIT, count);
	must(told_take(it.lock, it.word, &since) && since == START);
	return CHILD_GOOD;
}

/* Nobody is left of those who have reported it. */
static int play_end_alone(void)
{
	const struct lasting it = lasting_at(0x1000, 7);
	uint64_t since;
	uint32_t a, b;

	must(begin(&a, &b));
	must(report(&it, a, START + LIMIT) == 0);
	must(told_end(it.lock, it.word));
	must(told_take(it.lock, it.word, &since) && since == START);
	return CHILD_GOOD;
}

/* Released before anybody could report it. */
static int play_withdrawn(void)
{
	const struct lasting it = lasting_at(0x1000, 7);
	uint64_t since;
	unsigned count;
	uint32_t a, b;

	must(begin(&a, &b));
	must(told_claim(&it, a, START + LIMIT, &count) == 0);
	told_withdraw(&it, a, count);
	must(!told_is(it.lock, it.word) && !told_take(it.lock, it.word, &since));
	must(report(&it, a, START + LIMIT) == 0);
	must(told_claim(&it, a, START + 2 * LIMIT, &count) == 0);
	atomic_store(&registry->slots[a].wants, it.lock);
	must(!told_end(it.lock, it.word));
	told_withdraw(&it, a, count);
	must(told_take(it.lock, it.word, &since) && since == START);
	return CHILD_GOOD;
}

int main(void)
{
	if (is_emulated()) {
		skip("reports", "the emulator has no robust futexes");
		return tap_done();
	}
	test_play("one reports, and again when twice as long has passed", play_doubling);
	test_play("two who look at the same time do not both report", play_at_it);
	test_play("whoever reports, by the time of who waits longest", play_latecomer);
	test_play("two locks of one thread are two", play_one_word);
	test_play("of thousands none is told twice", play_many);
	test_play("of two that are kept at one place the second comes later", play_rivals);
	test_play("unless nobody waits for the first any more", play_abandoned);
	test_play("who waits no more leaves what it has seen", play_left);
	test_play("unless it was over by then", play_taken_back);
	test_play("after a release the same word is a new acquisition", play_again);
	test_play("its owner tells the end when nobody else can", play_end_alone);
	test_play("a release before a report leaves nothing to be said", play_withdrawn);
	test_play("a release in the middle of a report ends it, too", play_end_in_report);
	return tap_done();
}
