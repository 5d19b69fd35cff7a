/* SPDX-License-Identifier: MIT */
/*
 * Description: owners that end at any moment of a report about them
 *
 * Locks with a limit of 1 ms; owners are killed, exit, exec or end their thread after a random
 * time about as long as a report takes. Who waits gets the lock with EOWNERDEAD, and nobody
 * is named but that owner. Time-boxed; FONDUE_TEST_SECONDS for longer.
 */
#include "held.h"

FONDUE_SHARED static struct board annotated;

enum end { BY_KILL, BY_EXIT, BY_EXEC, BY_THREAD, BY_ABORT, ENDS };

static uint64_t seed;

static void spend(long long ns)
{
	long long end = now() + ns;

	while (now() < end)
		;
}

static void *take_and_leave(void *unused)
{
	(void)unused;
	if (fondue_spin_lock(&board->lock) == EDEADLK)
		_exit(1);
	atomic_fetch_add(&board->ready, 1);
	if (seed % 3)
		usleep(seed % 3000);
	else
		spend(seed % 3000000);
	return NULL;
}

static enum end how;

static int work_end(void)
{
	pthread_t thread;

	if (how == BY_THREAD) {
		(void)pthread_create(&thread, NULL, take_and_leave, NULL);
		(void)pthread_join(thread, NULL);
		usleep(20000);
		_exit(0);
	}
	(void)take_and_leave(NULL);
	if (how == BY_EXEC)
		execl("/bin/true", "true", (char *)NULL);
	if (how == BY_ABORT)
		raise(SIGSEGV);
	if (how == BY_KILL)
		raise(SIGKILL);
	_exit(0);
}

/* Every "by pid" and every "its owner, pid" is this one. */
static bool names_only(pid_t owner)
{
	static const char *const before[] = { " by pid ", "its owner, pid " };

	for (unsigned i = 0; i < 2; i++)
		for (const char *at = said(); (at = strstr(at, before[i]));) {
			at += strlen(before[i]);
			if (atoi(at) != owner)
				return false;
		}
	return true;
}

static int play_round(unsigned *reports)
{
	pid_t owner, other;
	int result, got_before = atomic_load(&board->got[GOT_DEAD]);

	how = next_random(&seed) % ENDS;
	owner = start_ready(work_end);
	must(owner > 0);
	other = start(work_take);
	result = fondue_spin_lock(&board->lock);
	must(result == 0 || result == EOWNERDEAD);
	must(fondue_spin_unlock(&board->lock) == 0);
	must(unit_wait(other) == CHILD_GOOD);
	must((result == EOWNERDEAD) + atomic_load(&board->got[GOT_DEAD]) - got_before == 1);
	(void)unit_wait(owner);
	*reports += count_said(" held ");
	must(names_only(owner) || (tap_note("owner %d", owner), false));
	must(count_said("died holding it") + count_said("executed another") <= 1);
	must(how == BY_EXEC || !is_said("executed another"));
	/* what it has become is not what took the lock */
	must(count_said("\"true\"") == count_said("executed another program holding it, \"true\""));
	must(!is_said("(true)"));
	forget();
	return CHILD_GOOD;
}

static int play_ends(void)
{
	const char *seconds = getenv("FONDUE_TEST_SECONDS");
	long long end = now() + (seconds ? atoi(seconds) * 1000 : 5000) * MS;
	unsigned rounds = 0, reports = 0;

	seed = now() | 1;
	must(fondue_spin_set_hold_limit(&board->lock, 1) == 0);
	for (; now() < end; rounds++)
		must(play_round(&reports) == CHILD_GOOD);
	tap_note("%u owners, %u reports", rounds, reports);
	must(reports > rounds / 10);
	return CHILD_GOOD;
}

int main(void)
{
	if (!held_begin())
		tap_skip_all("to be preloaded");
	test_hold(&annotated, "owners end in five ways, at any time: nobody else is named",
		play_ends);
	return tap_done();
}
