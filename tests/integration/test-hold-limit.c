/* SPDX-License-Identifier: MIT */
/*
 * Description: what a program says itself of locks that are held for long
 *
 * FONDUE_HOLD_MS=20. Limits of single locks, a function that is called, and an owner that is
 * ended by FONDUE_HOLD_ACTION=abort-owner-core.
 */
#include "held.h"

FONDUE_SHARED static struct board annotated;
FONDUE_SHARED static fondue_spinlock_t many[300];

static bool wait_in_vain(fondue_spinlock_t *lock, long long ms)
{
	struct timespec deadline = time_at(now() + ms * MS);

	return fondue_spin_timedlock(lock, &deadline) == ETIMEDOUT;
}

static int work_set(void)
{
	return fondue_spin_set_hold_limit(&board->lock, atomic_load(&board->go)) == 0 ? CHILD_GOOD :
											1;
}

static int play_limits(void)
{
	pid_t owner = start_ready(work_hold);

	must(owner > 0);
	must(fondue_spin_set_hold_limit(&board->lock, 0) == 0);
	must(wait_in_vain(&board->lock, 4 * LIMIT_MS) && count_said("held") == 0);
	must(fondue_spin_set_hold_limit(&board->lock, 4 * LIMIT_MS) == 0);
	must(wait_in_vain(&board->lock, 3 * LIMIT_MS) && count_said("held") == 0);
	must(wait_until_said(&board->lock, " held ") && report(0) >= 4 * LIMIT_MS);
	must(is_killed(owner) && fondue_spin_lock(&board->lock) == EOWNERDEAD);
	must(fondue_spin_unlock(&board->lock) == 0);
	/* by a relative, for all */
	atomic_store(&board->go, 3);
	must(unit_wait(start(work_set)) == CHILD_GOOD);
	owner = start_ready(work_hold);
	forget();
	must(owner > 0 && wait_until_said(&board->lock, " held "));
	must(report(0) >= 3 && is_said("if it lasts"));
	must(is_killed(owner) && fondue_spin_lock(&board->lock) == EOWNERDEAD);
	must(fondue_spin_unlock(&board->lock) == 0);
	atomic_store(&board->go, (int)FONDUE_HOLD_DEFAULT);
	must(unit_wait(start(work_set)) == CHILD_GOOD);
	owner = start_ready(work_hold);
	forget();
	must(owner > 0 && wait_until_said(&board->lock, " held ") && report(0) >= LIMIT_MS);
	must(is_killed(owner));
	return CHILD_GOOD;
}

/* Places that are used stay so: for the whole of this program's life. */
static int play_full(void)
{
	unsigned set = 0;

	while (set < 300 && fondue_spin_set_hold_limit(&many[set], 7) == 0)
		set++;
	must(set >= 250 && set <= 256);
	must(fondue_spin_set_hold_limit(&many[set], 7) == ENOMEM);
	must(fondue_spin_set_hold_limit(&many[0], 9) == 0);
	must(fondue_spin_set_hold_limit(&many[set - 1], 0) == 0);
	/* who has none has that of all */
	must(fondue_spin_lock(&many[299]) == 0);
	must(fondue_spin_set_hold_limit(&many[299], 1) == ENOMEM);
	return CHILD_GOOD;
}

static struct calls {
	unsigned count, nested;
	struct fondue_hold last;
	long long reports;
} calls;

static fondue_spinlock_t another; /* private: of this process */

static void on_hold(const struct fondue_hold *hold, void *arg)
{
	struct calls *to = arg;

	to->count++;
	to->last = *hold;
	to->reports = count_said(" held ");
	to->nested += fondue_spin_lock(&another) == 0 && fondue_spin_unlock(&another) == 0;
	/* what a function does that waits */
	free(malloc(100));
	errno = 33;
}

static int play_callback(void)
{
	pid_t owner, others[3];
	unsigned before;

	must(fondue_spin_on_hold(on_hold, &calls) == 0);
	owner = start_ready(work_hold);
	must(owner > 0);
	errno = 4711;
	for (long ms = 3 * LIMIT_MS; calls.count < 2 && ms < 10000; ms *= 2)
		must(wait_in_vain(&board->lock, ms) && errno == 4711);
	must(calls.count >= 2 && calls.nested == calls.count && calls.reports == calls.count);
	must(calls.count == count_said(" held "));
	must(calls.last.size == sizeof(calls.last) && calls.last.lock == &board->lock);
	must(calls.last.pid == owner && calls.last.tid == owner && calls.last.waiting == 1);
	/* "312 ms", rounded, "1.4 s" */
	must(report(calls.count - 1) <= (long)calls.last.held_ms + 1 &&
		report(calls.count - 1) + 100 > (long)calls.last.held_ms);
	before = calls.count;
	/* other processes have theirs: only what we report counts */
	for (unsigned i = 0; i < 3; i++)
		must((others[i] = start_parked(work_take)) > 0);
	must(fondue_spin_on_hold(NULL, NULL) == 0);
	forget();
	must(wait_until_said(&board->lock, " held ") && calls.count == before);
	must(is_killed(owner));
	for (unsigned i = 0; i < 3; i++)
		must(unit_wait(others[i]) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* A function that waits for longer than the limit itself: it ends all the same. */
static void hold_on(const struct fondue_hold *hold, void *arg)
{
	(void)hold;
	atomic_fetch_add((atomic_uint *)arg, 1);
	(void)wait_in_vain(&board->second, 2 * LIMIT_MS);
}

static int work_hold_second(void)
{
	must(fondue_spin_lock(&board->second) == 0);
	return work_hold();
}

static int work_hold_second_only(void)
{
	must(fondue_spin_lock(&board->second) == 0);
	atomic_fetch_add(&board->ready, 1);
	for (;;)
		pause();
}

static int play_slow_callback(void)
{
	static atomic_uint count;
	pid_t owner;

	must(fondue_spin_on_hold(hold_on, &count) == 0);
	owner = start_ready(work_hold_second);
	must(owner > 0 && wait_until_said(&board->lock, "annotated+0x8"));
	/* what it waits for itself is reported, and it is not called for that again */
	must(atomic_load(&count) >= 1 && atomic_load(&count) <= count_said("annotated ("));
	must(is_killed(owner) && fondue_spin_lock(&board->lock) == EOWNERDEAD);
	must(fondue_spin_unlock(&board->lock) == 0);
	must(fondue_spin_lock(&board->second) == EOWNERDEAD);
	must(fondue_spin_unlock(&board->second) == 0);
	return CHILD_GOOD;
}

/* By default nobody is ended, with the action the owner alone, and once. */
static int play_action(void)
{
	bool aborts = getenv("FONDUE_HOLD_ACTION") != NULL;
	pid_t bystander = start_ready(work_hold_second_only), owner = start_ready(work_hold), pids[5];
	int dead = 0;

	must(owner > 0 && bystander > 0);
	for (unsigned i = 0; i < 5; i++)
		pids[i] = start_ready(work_take);
	if (!aborts) {
		must(eventually(report(2)) && waitpid(owner, NULL, WNOHANG) == 0);
		must(kill(owner, SIGTERM) == 0 && unit_wait(owner) == 1000 + SIGTERM);
	} else {
		must(unit_wait(owner) == 1000 + SIGABRT);
	}
	for (unsigned i = 0; i < 5; i++)
		must(unit_wait(pids[i]) == CHILD_GOOD);
	dead = atomic_load(&board->got[GOT_DEAD]);
	must(dead == 1 && atomic_load(&board->got[GOT_ZERO]) == 5);
	must(waitpid(bystander, NULL, WNOHANG) == 0 && is_killed(bystander));
	must(count_said("SIGABRT") == (aborts ? 1 : 0));
	return CHILD_GOOD;
}

/* It blocks the signal: then it lives, and is not sent another one. */
static int work_hold_deaf(void)
{
	signal(SIGABRT, SIG_IGN);
	return work_hold();
}

static int play_deaf(void)
{
	pid_t owner = start_ready(work_hold_deaf), waiter;

	must(owner > 0);
	waiter = start_ready(work_take);
	must(eventually(report(3)) && count_said("SIGABRT") == 1);
	must(is_killed(owner) && unit_wait(waiter) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int play_all_of_action(void)
{
	bool good;

	if (!held_begin())
		return 1;
	good = plays_on(&annotated, play_action);
	forget();
	if (good && getenv("FONDUE_HOLD_ACTION"))
		good = plays_on(&annotated, play_deaf);
	if (!good)
		printf("said: %s\n", said());
	fflush(stdout);
	return good ? 0 : 1;
}

static int play_nothing(void)
{
	return fondue_spin_set_hold_limit(&another, 5) == ENOSYS &&
			       fondue_spin_on_hold(on_hold, NULL) == ENOSYS ?
		       0 :
		       1;
}

static bool again(const char *scenario, const char *variable, bool plain)
{
	static struct run it;

	it = (struct run){ .args = { run_self(), scenario }, .env = { variable }, .plain = plain };
	return run_explain(&it, run_succeeded(run(&it)));
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = { { "action", play_all_of_action },
		{ "nothing", play_nothing }, { NULL, NULL } };

	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	if (!held_begin())
		tap_skip_all("to be preloaded");
	test_hold(&annotated, "a lock's own limit: none, longer, shorter, and as all again",
		play_limits);
	test_hold(&annotated, "a program's function is called once for each report, and may lock",
		play_callback);
	test_hold(&annotated, "... and may wait for another lock, for too long", play_slow_callback);
	test_hold(&annotated, "256 locks may have limits", play_full);
	test("without the runtime there are neither", again("nothing", NULL, true));
	test("by default no owner is ended", again("action", NULL, false));
	test("FONDUE_HOLD_ACTION=abort-owner-core: the owner is, it alone and once",
		again("action", "FONDUE_HOLD_ACTION=abort-owner-core", false));
	return tap_done();
}
