/* SPDX-License-Identifier: MIT */
/*
 * Description: a lock is reported though nobody waits for it as long as its limit
 *
 * FONDUE_HOLD_MS=20, and waits of a quarter of it, one after the other.
 */
#include "held.h"

FONDUE_SHARED static struct board annotated;

#define BRIEF (LIMIT_MS * MS / 4)

/* Come for it again and again until there is no more need. */
static int work_poll(void)
{
	while (!atomic_load(&board->left)) {
		struct timespec deadline = time_at(now() + BRIEF);
		int result = fondue_spin_timedlock(&board->lock, &deadline);

		if (result != ETIMEDOUT)
			return result == 0 && fondue_spin_unlock(&board->lock) == 0 ? CHILD_GOOD : 1;
	}
	return CHILD_GOOD;
}

/* By the fast path, again each time that it is told to go on. */
static int work_hold_again(void)
{
	must(fondue_spin_lock(&board->second) == 0 && fondue_spin_unlock(&board->second) == 0);
	for (int i = 1; i <= 2; i++) {
		must(fondue_spin_lock(&board->lock) == 0);
		atomic_fetch_add(&board->ready, 1);
		while (atomic_load(&board->go) < i)
			usleep(100);
		must(fondue_spin_unlock(&board->lock) == 0);
	}
	return CHILD_GOOD;
}

static int play_waits(unsigned count)
{
	pid_t owner = start_ready(work_hold_again), pids[4];

	must(owner > 0);
	for (unsigned i = 0; i < count; i++)
		pids[i] = start(work_poll);
	must(eventually(report(2)) && names(owner));
	for (unsigned i = 1; report(i); i++)
		must(report(i) >= LIMIT_MS << i && report(i) > report(i - 1));
	atomic_store(&board->left, 1);
	for (unsigned i = 0; i < count; i++)
		must(unit_wait(pids[i]) == CHILD_GOOD);
	atomic_store(&board->go, 2);
	must(unit_wait(owner) == CHILD_GOOD);
	/* all have left: the owner says that it is over */
	must(count_said("released after") == 1);
	must(held_ms(strstr(said(), "released after ") + 15) >= LIMIT_MS << 2);
	return CHILD_GOOD;
}

static int play_one(void)
{
	return play_waits(1);
}

static int play_several(void)
{
	return play_waits(4);
}

/* A thread's first lock, which the runtime acquires. */
static int work_hold_first(void)
{
	must(fondue_spin_lock(&board->lock) == 0);
	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->go))
		usleep(100);
	return fondue_spin_unlock(&board->lock) == 0 ? CHILD_GOOD : 1;
}

static int play_first(void)
{
	pid_t owner = start_ready(work_hold_first), poller;

	must(owner > 0);
	poller = start(work_poll);
	must(poller > 0 && eventually(report(1)));
	atomic_store(&board->left, 1);
	must(unit_wait(poller) == CHILD_GOOD);
	atomic_store(&board->go, 1);
	must(unit_wait(owner) == CHILD_GOOD);
	must(count_said("released after") == 1);
	return CHILD_GOOD;
}

/* What was seen of the one acquisition is not true of the next. */
static int play_next(void)
{
	pid_t owner = start_ready(work_hold_again), poller;
	long long since;
	long first;

	must(owner > 0);
	poller = start(work_poll);
	must(poller > 0 && eventually(report(3)));
	atomic_store(&board->left, 1);
	must(unit_wait(poller) == CHILD_GOOD);
	forget();
	since = now();
	atomic_store(&board->go, 1);
	must(eventually(atomic_load(&board->ready) == 2));
	must(count_said("released after") == 1);
	forget();
	atomic_store(&board->left, 0);
	poller = start(work_poll);
	must(poller > 0 && eventually((first = report(0)) != 0));
	must(first <= (now() - since) / MS);
	atomic_store(&board->left, 1);
	atomic_store(&board->go, 2);
	must(unit_wait(poller) == CHILD_GOOD && unit_wait(owner) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* Many short holds of one thread, whom many wait for briefly, are no long one. */
static int work_hold_often(void)
{
	long long end = now() + 60 * LIMIT_MS * MS;

	while (now() < end) {
		long long until = now() + MS;

		must(fondue_spin_lock(&board->lock) == 0);
		while (now() < until)
			;
		must(fondue_spin_unlock(&board->lock) == 0);
	}
	atomic_store(&board->left, 1);
	return CHILD_GOOD;
}

static int work_poll_often(void)
{
	while (!atomic_load(&board->left)) {
		struct timespec deadline = time_at(now() + MS / 5);
		int result = fondue_spin_timedlock(&board->lock, &deadline);

		must(result == ETIMEDOUT || result == 0);
		must(result || fondue_spin_unlock(&board->lock) == 0);
	}
	return CHILD_GOOD;
}

static int play_often(void)
{
	pid_t owner, pids[3];

	must(fondue_spin_set_hold_limit(&board->lock, 25 * LIMIT_MS) == 0);
	for (unsigned i = 0; i < 3; i++)
		pids[i] = start(work_poll_often);
	owner = start(work_hold_often);
	must(unit_wait(owner) == CHILD_GOOD);
	for (unsigned i = 0; i < 3; i++)
		must(unit_wait(pids[i]) == CHILD_GOOD);
	must(!report(0));
	return CHILD_GOOD;
}

int main(void)
{
	if (!held_begin())
		tap_skip_all("to be preloaded");
	test_hold(&annotated, "waits that are shorter than the limit add up", play_one);
	test_hold(&annotated, "those of several are one report's, too", play_several);
	test_hold(&annotated, "so does the release of a thread's first lock end them", play_first);
	test_hold(&annotated, "what was left of one acquisition is not the next one's", play_next);
	test_hold(&annotated, "short holds do not add up", play_often);
	return tap_done();
}
