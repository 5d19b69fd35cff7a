/* SPDX-License-Identifier: MIT */
/*
 * Description: nothing is lost when lock users are killed at random
 *
 * Workers take one lock again and again; a master kills one after the other, at a random
 * moment, and replaces it. What is protected are two counters that a worker raises one
 * after the other, and a word that says who is inside. So:
 *
 *  - with a plain 0 from the lock, the counters are equal and nobody is inside: if not, a
 *    death inside was not announced;
 *  - EOWNERDEAD comes at most once for each worker that died at a time when it may have
 *    owned the lock: if more often, one was false;
 *  - somebody gets the lock all the time: if nobody does for a while, it hangs.
 *
 * Usage: torture-spinlock [SECONDS [WORKERS [SECTION_NS]]]; to be preloaded
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fondue/spinlock.h>

#include "../tap.h"

#define WORKERS_MAX 64
#define HANG_S	    10	     /* without any progress: somebody should have it by then */
#define STALL_NS    60000000 /* longer than the runtime's backstop, with some grace */

enum phase { OUTSIDE, LOCKING, INSIDE };

FONDUE_SHARED static fondue_spinlock_t lock;
FONDUE_SHARED static struct {
	volatile unsigned long first, second; /* equal, but in the middle of a section */
	volatile unsigned inside;	      /* number of the worker, and 1; 0: nobody */
	volatile unsigned long announced, intact, missed, errors;
	volatile unsigned long acquired;
	volatile enum phase phase[WORKERS_MAX];
} common;

static unsigned workers = 6;
static long section_ns = 300;
static pid_t pids[WORKERS_MAX];

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void spend(long ns)
{
	uint64_t end = now_ns() + ns;

	while (now_ns() < end)
		;
}

static void work_once(unsigned number)
{
	int result;

	common.phase[number] = LOCKING;
	result = fondue_spin_lock(&lock);
	if (result == EOWNERDEAD && (common.inside || common.first != common.second))
		common.announced++;
	else if (result == EOWNERDEAD)
		common.intact++;
	else if (result)
		common.errors++;
	else if (common.inside || common.first != common.second)
		common.missed++;
	common.inside = number + 1;
	common.phase[number] = INSIDE;
	common.second = ++common.first;
	spend(section_ns);
	common.acquired++;
	common.inside = 0;
	common.phase[number] = LOCKING; /* it may still name us */
	if (fondue_spin_unlock(&lock))
		common.errors++;
	common.phase[number] = OUTSIDE;
}

static void start(unsigned number)
{
	pid_t master = getpid();

	common.phase[number] = OUTSIDE;
	pids[number] = fork();
	if (pids[number] < 0)
		tap_bail_out("no worker");
	if (pids[number])
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == master) {
		work_once(number);
		spend(section_ns);
	}
	_exit(0);
}

static uint32_t next_random(void)
{
	static uint64_t state = 0x2545f4914f6cdd1d;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL >> 32;
}

struct result {
	unsigned long kills, owners; /* of them: may have owned the lock */
	uint64_t longest_stall;
	unsigned long stalls;
	bool hung;
};

/* Until the lock is taken once more, or that takes too long. */
static bool progresses(struct result *result)
{
	unsigned long before = common.acquired;
	uint64_t start = now_ns(), took;
	const struct timespec moment = { .tv_nsec = 20000 };

	while (common.acquired == before) {
		took = now_ns() - start;
		if (took > HANG_S * 1000000000ULL)
			return false;
		nanosleep(&moment, NULL);
	}
	took = now_ns() - start;
	result->stalls += took > STALL_NS;
	if (took > result->longest_stall)
		result->longest_stall = took;
	return true;
}

static void kill_one(struct result *result)
{
	unsigned number = next_random() % workers;
	const struct timespec moment = { .tv_nsec = 100000 + next_random() % 400000 };

	nanosleep(&moment, NULL);
	kill(pids[number], SIGKILL);
	waitpid(pids[number], NULL, 0);
	result->kills++;
	result->owners += common.phase[number] != OUTSIDE;
	start(number);
}

static struct result torture(double seconds)
{
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	struct result result = { 0 };

	for (unsigned i = 0; i < workers; i++)
		start(i);
	while (!result.hung && now_ns() < end) {
		kill_one(&result);
		result.hung = !progresses(&result);
	}
	for (unsigned i = 0; i < workers; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	return result;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 5;
	struct result result;

	if (argc > 2)
		workers = atoi(argv[2]);
	if (argc > 3)
		section_ns = atol(argv[3]);
	if (!workers || workers > WORKERS_MAX || !fondue_active())
		tap_skip_all("to be preloaded, with 1 to 64 workers");
	result = torture(seconds);
	tap_note("%lu kills, %lu of possible owners; %lu acquisitions; %lu deaths announced, "
		 "%lu of them before or after the section's work; longest stall %.1f ms, %lu above "
		 "%d ms",
		result.kills, result.owners, common.acquired,
		common.announced + common.intact, common.intact, result.longest_stall / 1e6,
		result.stalls, STALL_NS / 1000000);
	test("the lock is taken all the time", !result.hung);
	test("every death inside is announced", common.missed == 0);
	test("no death is announced that was none",
		common.announced + common.intact <= result.owners);
	test("no lock call fails", common.errors == 0);
	test("workers were killed, inside as well", result.kills > 0 && common.announced > 0);
	return tap_done();
}
