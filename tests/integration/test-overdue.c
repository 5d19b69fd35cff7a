/* SPDX-License-Identifier: MIT */
/*
 * Description: who has held a lock too long, and nobody waited, says so as it releases it
 *
 * Played with FONDUE_HOLD_MS=50, and FONDUE_HOLD_CHECK=1 or not. The machine may be busy, so
 * what must be said and what must not is decided by the time that it took.
 */
#include "heard.h"
#include "locking.h"

#define LIMIT (50 * MS)
#define GRAIN (10 * MS) /* of the runtime's clock, at worst */

FONDUE_SHARED static struct board annotated;

static unsigned reports(void)
{
	return heard_count(": was held ");
}

static void spend(long long ns)
{
	long long end = now() + ns;

	while (now() < end)
		;
}

/* Hold it so long. *ret_inner, *ret_outer: it was held at least, and at most, so long. */
static __attribute__((noinline)) bool hold(
	fondue_spinlock_t *lock, long long ns, long long *ret_inner, long long *ret_outer)
{
	long long before = now(), start, end;
	bool good = fondue_spin_lock(lock) == 0;

	start = now();
	spend(ns);
	end = now();
	good &= fondue_spin_unlock(lock) == 0;
	*ret_inner = end - start;
	*ret_outer = now() - before;
	return good;
}

static int play_off(void)
{
	long long inner, outer;

	must(hold(&board->lock, 3 * LIMIT, &inner, &outer) && !*heard());
	return CHILD_GOOD;
}

static int play_told(void)
{
	unsigned taken, released, limit;
	long long inner, outer, held;

	must(hold(&board->lock, LIMIT + 3 * GRAIN, &inner, &outer));
	must(reports() == 1 && heard_count("\n") == 1);
	must(sscanf(strstr(heard(), "lock annotated"),
		     "lock annotated (%*[^)]): was held %lld ms, taken at hold+0x%x (%*[^)]), "
		     "released at hold+0x%x (%*[^)]); limit %u ms",
		     &held, &taken, &released, &limit) == 4);
	must(limit == 50 && taken != released);
	must(held * MS > inner - 2 * GRAIN && held * MS < outer + GRAIN);
	return CHILD_GOOD;
}

/* Never one that has not lasted, always one that has. */
static int play_limit(void)
{
	unsigned shorter = 0, longer = 0;

	for (long long ns = 0; ns < 3 * LIMIT; ns += LIMIT / 7) {
		long long inner, outer;

		hear_anew();
		must(hold(&board->lock, ns, &inner, &outer));
		must(outer > LIMIT || !reports());
		shorter += outer <= LIMIT;
		longer += inner > LIMIT + 2 * GRAIN;
	}
	must(shorter && longer);
	return CHILD_GOOD;
}

static __attribute__((noinline)) bool hold_elsewhere(void)
{
	bool good = fondue_spin_lock(&board->lock) == 0;

	spend(LIMIT + 3 * GRAIN);
	return good && fondue_spin_unlock(&board->lock) == 0;
}

static int work_nine(void)
{
	for (unsigned i = 0; i < 9; i++)
		must(hold_elsewhere());
	return CHILD_GOOD;
}

/* In the whole family, and of each place. */
static int play_backed_off(void)
{
	pid_t pid = start(work_nine);
	long long inner, outer;
	unsigned before;

	must(unit_wait(pid) == CHILD_GOOD && reports() == 4); /* 1, 2, 4, 8 */
	must(heard_count("; 8 times so far from there") == 1);
	must(unit_wait(start(work_nine)) == CHILD_GOOD && reports() == 5); /* 16 */
	before = reports(); /* of the other place some have been told before */
	for (unsigned i = 0; i < 64 && reports() == before; i++)
		must(hold(&board->lock, LIMIT + 3 * GRAIN, &inner, &outer));
	must(reports() == before + 1);
	return CHILD_GOOD;
}

static __attribute__((noinline)) bool hold_until_told(void)
{
	bool good = fondue_spin_lock(&board->lock) == 0;

	atomic_store(&board->go, 1);
	good &= eventually(heard_count(" held ") > 0);
	spend(LIMIT + 3 * GRAIN);
	return good && fondue_spin_unlock(&board->lock) == 0;
}

static int work_wait(void)
{
	while (!atomic_load(&board->go))
		sched_yield();
	return work_take();
}

static int play_waited(void)
{
	pid_t waiter = start(work_wait);

	must(hold_until_told());
	must(unit_wait(waiter) == CHILD_GOOD);
	must(eventually(heard_count("released after") == 1) && !reports());
	return CHILD_GOOD;
}

/* Two at once, of which the outer one only is held for long. */
static int play_nested(void)
{
	must(fondue_spin_lock(&board->lock) == 0);
	spend(LIMIT + 3 * GRAIN);
	must(fondue_spin_lock(&board->second) == 0 && fondue_spin_unlock(&board->second) == 0);
	must(!*heard());
	must(fondue_spin_unlock(&board->lock) == 0 && reports() == 1);
	hear_anew();
	must(fondue_spin_lock(&board->lock) == 0 && fondue_spin_lock(&board->second) == 0);
	spend(LIMIT + 3 * GRAIN);
	must(fondue_spin_unlock(&board->lock) == 0 && reports() == 1);
	must(fondue_spin_unlock(&board->second) == 0 && reports() == 2);
	return CHILD_GOOD;
}

static int play_own_limit(void)
{
	long long inner, outer;

	must(fondue_spin_set_hold_limit(&board->lock, 0) == 0);
	must(hold(&board->lock, 2 * LIMIT, &inner, &outer) && !*heard());
	must(fondue_spin_set_hold_limit(&board->lock, 20) == 0);
	for (unsigned i = 0; i < 64 && !reports(); i++) /* some of this place were told */
		must(hold(&board->lock, 20 * MS + 3 * GRAIN, &inner, &outer));
	must(reports() == 1 && heard_count("; limit 20 ms") == 1);
	must(fondue_spin_set_hold_limit(&board->lock, FONDUE_HOLD_DEFAULT) == 0);
	return CHILD_GOOD;
}

/* What the dead one held counts for itself. */
static int play_inherited(void)
{
	pid_t owner = start_ready(work_hold);

	must(owner > 0);
	spend(LIMIT + 3 * GRAIN);
	must(is_killed(owner));
	must(fondue_spin_lock(&board->lock) == EOWNERDEAD);
	must(fondue_spin_unlock(&board->lock) == 0 && !reports());
	return CHILD_GOOD;
}

static int play_tried(void)
{
	errno = 4711;
	must(fondue_spin_trylock(&board->lock) == 0);
	spend(LIMIT + 3 * GRAIN);
	must(fondue_spin_unlock(&board->lock) == 0 && reports() == 1 && errno == 4711);
	return CHILD_GOOD;
}

static void test_overdue(const char *claim, int (*play)(void))
{
	bool good;

	hear_anew();
	good = plays_on(&annotated, play);
	if (!good)
		heard_explain();
	test(claim, good);
}

int main(void)
{
	const char *check = getenv("FONDUE_HOLD_CHECK");

	if (!fondue_active())
		tap_skip_all("to be preloaded");
	hear();
	if (!check) {
		test_overdue("without FONDUE_HOLD_CHECK nothing is said", play_off);
		return tap_done();
	}
	test_overdue("it is told in one line, with time and places", play_told);
	test_overdue("what is shorter than the limit is not told of", play_limit);
	test_overdue("of a slow loop the first, second, fourth, eighth time", play_backed_off);
	test_overdue("what a waiter has told is not told again", play_waited);
	test_overdue("of two locks that one which it was", play_nested);
	test_overdue("a lock can have a limit of its own", play_own_limit);
	test_overdue("an heir is not told of what the dead one did", play_inherited);
	test_overdue("one that was only tried for counts, too, and errno stays", play_tried);
	return tap_done();
}
