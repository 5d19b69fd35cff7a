/* SPDX-License-Identifier: MIT */
/*
 * Description: the lock between threads, with the runtime, without it, and compiled without
 *
 * The same claims three times: this file is built and run so. The scoped form is here, too.
 */
#include "locking.h"

static struct board here;

static void *take_often(void *count)
{
	for (int i = 0; i < *(int *)count; i++) {
		if (fondue_spin_lock(&board->lock))
			return "lock";
		board->counter++;
		if (fondue_spin_unlock(&board->lock))
			return "unlock";
	}
	return NULL;
}

/* With deadlines so short that many expire; those that got it counted. */
static void *take_in_time(void *count)
{
	for (int i = 0; i < *(int *)count; i++) {
		struct timespec soon = time_at(now() + i % 50 * 1000);
		int result = fondue_spin_timedlock(&board->lock, &soon);

		if (result == ETIMEDOUT)
			continue;
		if (result)
			return "timedlock";
		board->counter++;
		atomic_fetch_add(&board->left, 1);
		if (fondue_spin_unlock(&board->lock))
			return "unlock";
	}
	return NULL;
}

static bool run_threads(unsigned number, void *(*work)(void *), int count)
{
	pthread_t threads[64];
	bool good = true;

	for (unsigned i = 0; i < number; i++)
		if (pthread_create(&threads[i], NULL, work, &count))
			return false;
	for (unsigned i = 0; i < number; i++) {
		void *result;

		good &= pthread_join(threads[i], &result) == 0 && !result;
	}
	return good;
}

static int play_exclusion(void)
{
	must(run_threads(2, take_often, 50000) && board->counter == 100000);
	must(run_threads(8, take_often, 20000) && board->counter == 260000);
	must(run_threads(64, take_often, 1000) && board->counter == 324000);
	must(is_sound(&board->lock));
	return CHILD_GOOD;
}

static int play_expiring(void)
{
	must(run_threads(8, take_in_time, 5000));
	must(board->counter == atomic_load(&board->left) && board->counter > 0);
	must(is_sound(&board->lock));
	return CHILD_GOOD;
}

static void *try_others(void *none)
{
	struct timespec soon = time_at(now() + 20 * MS), bad = { 1, 1000000000 }, past = { -1, 0 };

	(void)none;
	if (fondue_spin_unlock(&board->lock) != EPERM)
		return "unlocked another's";
	if (fondue_spin_trylock(&board->lock) != EBUSY)
		return "not busy";
	if (fondue_spin_timedlock(&board->lock, &soon) != ETIMEDOUT)
		return "no time-out";
	if (now() < soon.tv_sec * 1000 * MS + soon.tv_nsec)
		return "too early";
	if (fondue_spin_timedlock(&board->lock, &bad) != EINVAL)
		return "no time";
	if (fondue_spin_timedlock(&board->lock, &past) != ETIMEDOUT)
		return "long past";
	return NULL;
}

static int play_errors(void)
{
	pthread_t thread;
	void *result;

	errno = 12345;
	must(fondue_spin_unlock(&board->lock) == EPERM);
	must(fondue_spin_lock(&board->lock) == 0);
	must(fondue_spin_lock(&board->lock) == EDEADLK);
	must(fondue_spin_trylock(&board->lock) == EDEADLK);
	must(errno == 12345);
	must(pthread_create(&thread, NULL, try_others, NULL) == 0);
	must(pthread_join(thread, &result) == 0);
	if (result)
		tap_note("%s", (char *)result);
	must(!result);
	must(fondue_spin_unlock(&board->lock) == 0 && is_sound(&board->lock));
	board->lock.word = 77;
	must(fondue_spin_init(&board->lock) == 0 && is_sound(&board->lock));
	return CHILD_GOOD;
}

static int leave_by(int how)
{
	for (int i = 0; i < 2; i++) {
		FONDUE_SCOPED_LOCK(&board->lock);

		if (fondue_spin_trylock(&board->lock) != EDEADLK)
			return -1;
		if (how == 0)
			return 7;
		if (how == 1)
			break;
		if (how == 2)
			goto out;
		if (how == 3)
			continue;
		{
			/* held by the caller: not released at the end of this block */
			FONDUE_SCOPED_LOCK(&board->lock);
		}
		if (fondue_spin_trylock(&board->lock) != EDEADLK)
			return -1;
	}
	return 8;
out:
	return 9;
}

static int play_scoped(void)
{
	static const int expected[] = { 7, 8, 9, 8, 8 };

	for (int how = 0; how < 5; how++) {
		must(leave_by(how) == expected[how]);
		must(fondue_spin_unlock(&board->lock) == EPERM && is_sound(&board->lock));
	}
	return CHILD_GOOD;
}

int main(void)
{
#ifdef EXPECT_RUNTIME
	test("the runtime is there as expected", !!fondue_version() == EXPECT_RUNTIME);
#endif
	test("threads exclude one another", plays_on(&here, play_exclusion));
	test("deadlines that expire by the thousand leave the lock whole",
		plays_on(&here, play_expiring));
	test("errors are what they are between processes", plays_on(&here, play_errors));
	test("a scoped lock ends with its block, however that is left",
		plays_on(&here, play_scoped));
	return tap_done();
}
