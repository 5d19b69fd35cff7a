/* SPDX-License-Identifier: MIT */
/*
 * Description: a program whose CLOCK_MONOTONIC is not the kernel's
 *
 * FONDUE_HOLD_MS=20. Libraries that are preloaded to tell a program another time define
 * clock_gettime(), and this program does as they do.
 */
#include <sys/syscall.h>

#include "held.h"

FONDUE_SHARED static struct board annotated;

#define TEN_YEARS 315360000

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int result = syscall(SYS_clock_gettime, clock, ret);

	if (result == 0 && clock == CLOCK_MONOTONIC)
		ret->tv_sec += TEN_YEARS;
	return result;
}

/* Ended by SIGALRM where it sleeps for ten years. */
static int play_deadline(void)
{
	pid_t owner = start_ready(work_hold);
	struct timespec deadline = time_at(now() + 50 * MS);
	long long since = now();

	must(owner > 0);
	alarm(20);
	must(fondue_spin_timedlock(&board->lock, &deadline) == ETIMEDOUT);
	must(now() - since >= 50 * MS);
	must(is_killed(owner));
	return CHILD_GOOD;
}

static int work_run(void)
{
	must(fondue_spin_lock(&board->lock) == 0);
	atomic_fetch_add(&board->ready, 1);
	for (;;)
		;
}

/* One that runs is asked for its stack, and would be waited for as long. */
static int play_report(void)
{
	pid_t owner = start_ready(work_run);

	must(owner > 0);
	alarm(20);
	must(wait_until_said(&board->lock, " held "));
	must(names(owner) && report(0) >= LIMIT_MS && report(0) < 20000);
	must(is_killed(owner) && fondue_spin_lock(&board->lock) == EOWNERDEAD);
	return CHILD_GOOD;
}

int main(void)
{
	if (!held_begin())
		tap_skip_all("to be preloaded");
	test_hold(&annotated, "a deadline by the program's clock comes", play_deadline);
	test_hold(&annotated, "a lock held for long is reported", play_report);
	return tap_done();
}
