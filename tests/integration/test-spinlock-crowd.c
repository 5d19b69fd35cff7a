/* SPDX-License-Identifier: MIT */
/*
 * Description: many processes and threads at one lock, in sandboxes as well
 *
 * Called with a name, a scenario under a filter that run.h has put on it before its first
 * instruction: what the lock asks of the kernel may be refused, and then it is slower.
 */
#include "filter.h"
#include "locking.h"
#include "run.h"

FONDUE_SHARED static struct board annotated;
static int rounds;
#define THREADS 4
/* musl asks it whether there are robust mutexes at all */
#ifdef __GLIBC__
#define IS_GLIBC true
#else
#define IS_GLIBC false
#endif

static int take_often(void)
{
	for (int i = 0; i < rounds; i++) {
		int result = i % 16 ? fondue_spin_lock(&board->lock) :
				      fondue_spin_trylock(&board->lock);

		if (result == EBUSY) {
			i--;
			sched_yield();
			continue;
		}
		if (result)
			return 1;
		board->counter++;
		if (fondue_spin_unlock(&board->lock))
			return 2;
	}
	return CHILD_GOOD;
}

static void *take_in_thread(void *none)
{
	(void)none;
	return (void *)(intptr_t)take_often();
}

static int take_by_threads(void)
{
	pthread_t threads[THREADS];
	void *result;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, take_in_thread, NULL))
			return 3;
	for (int i = 0; i < THREADS; i++)
		if (pthread_join(threads[i], &result) || (intptr_t)result != CHILD_GOOD)
			return 4;
	return CHILD_GOOD;
}

static bool crowd(int number, int times, int (*work)(void))
{
	pid_t children[64];
	bool good = true;
	long before = board->counter, all = (long)number * times;

	rounds = times;
	for (int i = 0; i < number; i++)
		children[i] = start(work);
	for (int i = 0; i < number; i++)
		good &= unit_wait(children[i]) == CHILD_GOOD;
	return good && board->counter - before == all * (work == take_often ? 1 : THREADS);
}

static int play_crowds(void)
{
	must(crowd(2, 50000, take_often));
	must(crowd(4, 20000, take_often));
	must(crowd(16, 4000, take_often));
	must(crowd(64, 1000, take_often));
	must(crowd(8, 2000, take_by_threads));
	must(is_sound(&board->lock));
	return CHILD_GOOD;
}

/* Waiters that give up, among processes that are killed at any moment. */
static int work_in_time(void)
{
	for (;;) {
		struct timespec soon = time_at(now() + 20000);
		int result = fondue_spin_timedlock(&board->lock, &soon);

		atomic_fetch_add(&board->ready, 1);
		if (result == ETIMEDOUT)
			continue;
		if (result && result != EOWNERDEAD)
			return 1;
		board->counter++;
		if (fondue_spin_unlock(&board->lock))
			return 2;
	}
}

static int play_killing(void)
{
	pid_t children[6];

	for (int i = 0; i < 6; i++)
		children[i] = start(work_in_time);
	for (int i = 0; i < 300; i++) {
		int seen = atomic_load(&board->ready);

		must(eventually(atomic_load(&board->ready) > seen + i % 40));
		must(is_killed(children[i % 6]));
		children[i % 6] = start(work_in_time);
	}
	for (int i = 0; i < 6; i++)
		must(is_killed(children[i]));
	must(fondue_spin_lock(&board->lock) != EDEADLK);
	must(fondue_spin_unlock(&board->lock) == 0 && is_sound(&board->lock));
	return CHILD_GOOD;
}

static int play_in_sandbox(void)
{
	board = &annotated;
	if (!crowd(2, 10000, take_often) || !crowd(8, 2000, take_often) ||
		!crowd(4, 500, take_by_threads) || !is_sound(&board->lock))
		return 1;
	/* the owner is killed with a sleeper: to be noticed unless nobody can know */
	printf("%s\n", getenv("LIFELESS") ? "-" : "watched");
	if (!getenv("LIFELESS")) {
		pid_t owner = start_ready(work_hold), waiter = start_parked(work_take);

		if (owner < 0 || waiter < 0 || !is_killed(owner) ||
			unit_wait(waiter) != CHILD_GOOD || board->got[GOT_DEAD] != 1)
			return 2;
	}
	return 0;
}

static const struct scenario scenarios[] = { { "sandbox", play_in_sandbox }, { NULL, NULL } };

static const struct {
	const char *name;
	bool lifeless;
	struct rule rules[4];
} sandboxes[] = {
	{ "futex_waitv", false, { { 449, ENOSYS, 0, 0, 0 } } },
	{ "futex_waitv as not permitted", false, { { 449, EPERM, 0, 0, 0 } } },
	{ "membarrier", false, { { SYS_membarrier, ENOSYS, 0, 0, 0 } } },
	{ "membarrier as not permitted", false, { { SYS_membarrier, EPERM, 0, 0, 0 } } },
	{ "get_robust_list", !IS_GLIBC, { { SYS_get_robust_list, EPERM, 0, 0, 0 } } },
	{ "set_robust_list", true, { { SYS_set_robust_list, ENOSYS, 0, 0, 0 } } },
	{ "all of these", true,
		{ { 449, EPERM, 0, 0, 0 }, { SYS_membarrier, EPERM, 0, 0, 0 },
			{ SYS_set_robust_list, EPERM, 0, 0, 0 } } },
};

static void put_in_sandbox(const void *rules)
{
	if (!filter_install(rules))
		_exit(125);
}

static bool works_in(unsigned i)
{
	struct run it = { .args = { run_self(), "sandbox" },
		.env = { sandboxes[i].lifeless ? "LIFELESS=1" : "WATCHED=1" },
		.prepare = put_in_sandbox,
		.arg = sandboxes[i].rules };

	return run_explain(&it, run_succeeded(run(&it)));
}

int main(int argc, char **argv)
{
	char name[128];

	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test("two to 64 processes exclude one another, and their threads",
		plays_on(&annotated, play_crowds));
	test("so they do in a mapping of their own", plays_on(map_board(), play_crowds));
	test("waiters that give up and are killed leave the lock whole",
		plays_on(&annotated, play_killing));
	for (unsigned i = 0; i < sizeof(sandboxes) / sizeof(sandboxes[0]); i++) {
		snprintf(name, sizeof(name), "a sandbox may refuse %s", sandboxes[i].name);
		test(name, works_in(i));
	}
	return tap_done();
}
