/* SPDX-License-Identifier: MIT */
/*
 * bench-spinlock-uncontended.c - lock and unlock when nobody else wants it
 *
 * Timed are runs of pairs in one process, in turns. Instructions are counted by having a
 * child single-stepped (ptrace), so no counter of the processor is needed, which virtual
 * machines seldom have. From both the empty loop is taken off: from the instructions, that
 * is; times overlap, and are told as they are.
 */
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-spinlock.h"

#define TURNS 400
#define PAIRS 20000ul

#define LOCKS_MAX 16

/* Instructions of the child until its next SIGSTOP; -1: it cannot be told. */
static long steps_until_stop(pid_t pid)
{
	long steps = 0;
	int status;

	for (;;) {
		if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0 ||
			waitpid(pid, &status, 0) != pid)
			return -1;
		if (!WIFSTOPPED(status))
			return -1;
		if (WSTOPSIG(status) == SIGSTOP)
			return steps;
		if (WSTOPSIG(status) != SIGTRAP)
			return -1;
		steps++;
	}
}

/* Instructions of a pair, the loop's included; negative: not to be had here. */
static double instructions(const struct contestant *c)
{
	long first = -1, second = -1;
	pid_t pid;
	int status;

	c->init();
	pid = child_start();
	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
			_exit(EXIT_FAILURE);
		c->pairs(&arena->tallies[0], 3);
		raise(SIGSTOP);
		c->pairs(&arena->tallies[0], 10);
		raise(SIGSTOP);
		c->pairs(&arena->tallies[0], 20);
		raise(SIGSTOP);
		_exit(EXIT_SUCCESS);
	}
	if (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status)) {
		first = steps_until_stop(pid);
		second = first < 0 ? -1 : steps_until_stop(pid);
	}
	children_kill();
	return first < 0 || second < 0 ? -1 : (second - first) / 10.0;
}

static double time_pairs(const struct contestant *c)
{
	double start;

	c->init();
	c->pairs(&arena->tallies[0], 1);
	start = now_us();
	c->pairs(&arena->tallies[0], PAIRS);
	return (now_us() - start) * 1e3 / PAIRS;
}

static void print_line(
	unsigned i, const struct samples *samples, const struct samples *spin, double count)
{
	struct summary sum = samples_summary(&samples[i]), base = samples_summary(spin);
	struct estimate ratio = samples_ratio(&samples[i], spin);

	printf("| %s | %.2f | %.2f | %.3f (%.3f to %.3f) | %.3f | ", samples[i].name,
		sum.median, sum.min, ratio.median, ratio.low, ratio.high, sum.min / base.min);
	if (count >= 0)
		printf("%.0f |\n", count);
	else
		printf("not counted |\n");
}

static void print_goal(const struct samples *samples, const char *peer, double goal)
{
	const struct samples *ours = &samples[contestant_named(CONTESTANT_OURS)];
	const struct samples *theirs = &samples[contestant_named(peer)];
	struct estimate ratio = samples_ratio(ours, theirs);

	printf("Goal: lock and unlock, uncontended: at most %.2f × %s | "
	       "%.3f × (%.3f to %.3f); of the minima %.3f ×\n",
		goal, peer, ratio.median, ratio.low, ratio.high,
		samples_summary(ours).min / samples_summary(theirs).min);
}

void measure_uncontended(void)
{
	struct samples samples[LOCKS_MAX] = { 0 };
	double counts[LOCKS_MAX], ours;

	processor_use(0);
	for (unsigned turn = rounds(TURNS); turn > 0; turn--) {
		unsigned order[LOCKS_MAX];

		shuffle(order, contestant_count);
		for (unsigned i = 0; i < contestant_count; i++)
			samples_add(&samples[order[i]], time_pairs(&contestants[order[i]]));
	}
	for (unsigned i = 0; i < contestant_count; i++) {
		samples[i].name = contestants[i].name;
		counts[i] = instructions(&contestants[i]);
		if (i && counts[i] >= 0)
			counts[i] = counts[0] < 0 ? -1 : counts[i] - counts[0];
	}
	processors_use_all();
	printf("\n### Uncontended\n\nLock and unlock, %u times %lu in turns, and the "
	       "instructions of one pair, without the loop's; single-stepped.\n\n"
	       "| lock | median, ns | minimum, ns | by %s, round by round (95 %%) | "
	       "of the minima | instructions |\n|---|--:|--:|--:|--:|--:|\n",
		samples[0].count, PAIRS, CONTESTANT_SPIN);
	for (unsigned i = 0; i < contestant_count; i++)
		print_line(i, samples, &samples[contestant_named(CONTESTANT_SPIN)], counts[i]);
#ifndef HAVE_CK
	printf("\nConcurrency Kit's locks are left out: its headers (Debian: libck-dev) were "
	       "not there when this was built.\n");
#endif
	printf("\n");
	print_goal(samples, CONTESTANT_SPIN, 1.05);
	print_goal(samples, CONTESTANT_MUTEX, 0.50);
	print_goal(samples, CONTESTANT_ROBUST, 0.40);
	ours = counts[contestant_named(CONTESTANT_OURS)];
	if (ours >= 0)
		printf("Goal: lock and unlock, uncontended: at most 20 instructions | %.0f\n",
			ours);
	else
		printf("Goal: lock and unlock, uncontended: at most 20 instructions | "
		       "not counted: no ptrace(2) here\n");
}
