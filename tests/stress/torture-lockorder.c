/* SPDX-License-Identifier: MIT */
/*
 * Description: the graph of lock orders survives who adds to it
 *
 * Eight workers take locks in ascending order, three at a time, so that there is always
 * something new to be added; a master kills one after the other at a random moment. Nothing
 * is to be said, for all keep the order; somebody gets on all the time; and afterwards the
 * graph is whole: each pair that anybody has completed is known, so its contrary is told.
 *
 * Usage: torture-lockorder [SECONDS]; to be preloaded, with FONDUE_LOCKORDER=1
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include <fondue/spinlock.h>

#include "../integration/heard.h"

#define WORKERS 8
#define LOCKS	200 /* with their contraries, fewer pairs than there is room for */
#define HANG_S	10

FONDUE_SHARED static fondue_spinlock_t locks[LOCKS];
FONDUE_SHARED static struct {
	volatile unsigned long done, errors;
	unsigned char paired[LOCKS][LOCKS]; /* the higher was taken under the lower */
} common;

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec + at.tv_nsec / 1e9;
}

static void take(unsigned i)
{
	int result = fondue_spin_lock(&locks[i]);

	if (result && result != EOWNERDEAD)
		common.errors++;
}

static void leave(unsigned i)
{
	if (fondue_spin_unlock(&locks[i]))
		common.errors++;
}

static void work(uint64_t seed)
{
	for (;;) {
		unsigned a = next_random(&seed) % (LOCKS - 2);
		unsigned b = a + 1 + next_random(&seed) % (LOCKS - 2 - a);
		unsigned c = b + 1 + next_random(&seed) % (LOCKS - 1 - b);

		take(a);
		take(b);
		common.paired[a][b] = 1;
		take(c);
		common.paired[a][c] = common.paired[b][c] = 1;
		leave(b);
		leave(c);
		leave(a);
		common.done++;
	}
}

static pid_t start(uint64_t seed)
{
	pid_t master = getpid(), pid = fork();

	if (pid < 0)
		tap_bail_out("no worker");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == master)
		work(seed);
	_exit(1);
}

/* Return: how many have been killed; 0: it hung. */
static unsigned torture(double seconds)
{
	uint64_t state = 0x2545f4914f6cdd1d;
	pid_t pids[WORKERS];
	double end = now() + seconds, moved = now();
	unsigned long done = 0;
	unsigned kills = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		pids[i] = start(next_random(&state));
	while (now() < end && kills < 60000) {
		unsigned which = next_random(&state) % WORKERS;
		double until = now() + next_random(&state) % 1000 * 1e-6;

		while (now() < until)
			sched_yield();
		kill(pids[which], SIGKILL);
		waitpid(pids[which], NULL, 0);
		kills++;
		pids[which] = start(next_random(&state));
		if (common.done != done)
			moved = now();
		done = common.done;
		if (now() - moved > HANG_S)
			kills = end = 0;
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	return kills;
}

/* The dead may have left any of them. */
static void take_over(void)
{
	for (unsigned i = 0; i < LOCKS; i++) {
		take(i);
		leave(i);
	}
}

/* Pairs that were there, and are known to be. */
static unsigned check(unsigned *ret_known)
{
	unsigned there = 0, before;

	*ret_known = 0;
	for (unsigned a = 0; a < LOCKS; a++)
		for (unsigned b = a + 1; b < LOCKS; b += 7) {
			if (!common.paired[a][b])
				continue;
			there++;
			hear_anew();
			take(b);
			before = heard_count("lock order: takes");
			take(a);
			*ret_known += heard_count("lock order: takes") == before + 1;
			leave(a);
			leave(b);
		}
	return there;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 4;
	unsigned kills, there, known;

	if (!fondue_active())
		tap_skip_all("to be preloaded");
	hear();
	kills = torture(seconds);
	test("nobody hangs", kills > 0);
	tap_note("%u killed, %lu runs", kills, common.done);
	take_over();
	test("every lock call went well", !common.errors);
	if (!test("nothing is said of one order, whoever is killed", !heard_count("lock order")))
		heard_explain();
	there = check(&known);
	tap_note("%u of %u pairs are known", known, there);
	test("what was added is there", there > 100 && known == there);
	return tap_done();
}
