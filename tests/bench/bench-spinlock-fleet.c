/* SPDX-License-Identifier: MIT */
/*
 * bench-spinlock-fleet.c - processes that compete for a lock, for as long as they are told
 *
 * Each measurement has processes of its own: where the last one left its processes, on
 * which processor and how far behind in the scheduler's books, is then nobody's luck. They
 * start together, run unmeasured for a while, and are counted between two moments. At the
 * end what the lock protects, a plain counter, must be as large as the sum of what they
 * have counted themselves: the throughput of a lock that does not lock is worth nothing.
 */
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench-spinlock.h"

/* Before the window, ms: sleepers and their queue come into being. */
#define SETTLE_MS 15
/* Whoever has not got the lock so long after all were told to stop never will, ms. */
#define STUCK_MS 20000

static double iterations_per_ns;

static void busy(unsigned long iterations)
{
	for (; iterations; iterations--)
		__asm__ volatile("" : "+r"(iterations));
}

/* Of many tries the fastest: interruptions only slow. */
void load_calibrate(void)
{
	const unsigned long iterations = 100000;

	for (unsigned i = 0; i < 100; i++) {
		uint64_t start = now_in_ns();
		double speed;

		busy(iterations);
		speed = iterations / (double)(now_in_ns() - start);
		iterations_per_ns = speed > iterations_per_ns ? speed : iterations_per_ns;
	}
}

static void sleep_ms(unsigned ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += ms * 1000000L;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0)
		;
}

__attribute__((noreturn)) static void compete(
	const struct contestant *c, const struct cell *cell, unsigned index, bool timed)
{
	struct tally *self = &arena->tallies[index];
	struct load load = {
		.section = (unsigned long)(cell->section_ns * iterations_per_ns),
		.think = (unsigned long)(cell->think_ns * iterations_per_ns),
	};

	if (cell->processes <= processor_count)
		processor_use(index);
	else
		processors_use_all();
	c->pairs(self, 1); /* what a process does once, with its first lock */
	atomic_fetch_add(&arena->ready, 1);
	while (!atomic_load(&arena->go))
		syscall(SYS_futex, &arena->go, FUTEX_WAIT, 0, NULL, NULL, 0);
	if (timed)
		c->timed_turns(self, load);
	else
		c->turns(self, load);
	_exit(EXIT_SUCCESS);
}

static void look(unsigned long *ret_counts, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ret_counts[i] =
			atomic_load_explicit(&arena->tallies[i].count, memory_order_relaxed);
}

/*
 * In a queue of processes that spin, each has to be run in turn: that takes minutes, so
 * they are killed, and may have counted one turn only half.
 */
static void stop(const struct contestant *c, const pid_t *pids, unsigned count)
{
	unsigned long sum = 0, slack = c->kind == KIND_QUEUES ? count : 0;
	int status;

	atomic_store(&arena->stop, 1);
	if (slack)
		children_kill();
	for (unsigned i = 0; !slack && i < count; i++) {
		if (!child_wait_ms(pids[i], STUCK_MS, &status)) {
			const uint32_t *words = (const void *)arena->lock;

			fprintf(stderr, "%s: process %u of %u (%d) is stuck; lock %08x %08x\n",
				c->name, i, count, pids[i], words[0], words[1]);
			exit(EXIT_FAILURE);
		}
		if (status != 0)
			bench_give_up("a process that competed has crashed");
	}
	for (unsigned i = 0; i < count; i++)
		sum += atomic_load(&arena->tallies[i].count);
	if (c->kind != KIND_NONE && arena->protected_count - sum > slack) {
		fprintf(stderr, "%s: %lu turns left a count of %lu\n", c->name, sum,
			arena->protected_count);
		exit(EXIT_FAILURE);
	}
}

static struct reached evaluate(
	const unsigned long *before, const unsigned long *after, unsigned count, double ns)
{
	double sum = 0, squares = 0, least = INFINITY, most = 0;
	struct reached reached = { 0 };

	for (unsigned i = 0; i < count; i++) {
		double share = after[i] - before[i];

		sum += share;
		squares += share * share;
		least = share < least ? share : least;
		most = share > most ? share : most;
		if (arena->tallies[i].worst_ns / 1e6 > reached.worst_ms)
			reached.worst_ms = arena->tallies[i].worst_ns / 1e6;
	}
	/* none at all counts as one, for the sake of ratios */
	reached.rate = (sum ? sum : 1) / ns * 1e3;
	/* of processes that got nothing at all, one had everything */
	reached.jain = squares ? sum * sum / (count * squares) : 1.0 / count;
	reached.least = most ? least / most : 0;
	return reached;
}

struct reached fleet_run(
	const struct contestant *c, const struct cell *cell, unsigned window_ms, bool timed)
{
	unsigned long before[PROCESSES_MAX], after[PROCESSES_MAX];
	pid_t pids[PROCESSES_MAX];
	uint64_t start, end;

	memset(arena, 0, sizeof(*arena));
	c->init();
	for (unsigned i = 0; i < cell->processes; i++) {
		pids[i] = child_start();
		if (!pids[i])
			compete(c, cell, i, timed);
	}
	while (atomic_load(&arena->ready) < cell->processes)
		sleep_ms(1);
	atomic_store(&arena->go, 1);
	syscall(SYS_futex, &arena->go, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	sleep_ms(SETTLE_MS);
	start = now_in_ns();
	look(before, cell->processes);
	sleep_ms(window_ms);
	end = now_in_ns();
	look(after, cell->processes);
	stop(c, pids, cell->processes);
	return evaluate(before, after, cell->processes, end - start);
}
