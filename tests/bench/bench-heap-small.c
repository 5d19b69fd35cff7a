/* SPDX-License-Identifier: MIT */
/*
 * bench-heap-small.c - small blocks, by one process and by several
 *
 * Pairs are what a heap likes best, and what its fast path costs. Bursts are longer than
 * what a heap keeps at hand, at least those of 2000: then it is the way to the middle that
 * counts. Churn is what programs do. Several processes have a stock each, and what is told is
 * processor time: with two processors, twice the time that passed, by all blocks.
 */
#include "bench-heap.h"

#define TURNS_ALONE	100
#define TURNS_TOGETHER	40

static const struct scenario pairs[] = {
	{ "16 B", JOB_PAIRS, .size = 16 },
	{ "64 B", JOB_PAIRS, .size = 64 },
	{ "512 B", JOB_PAIRS, .size = 512 },
};

static const struct scenario bursts[] = {
	{ "64 blocks", JOB_BURSTS, .size = 64, .blocks = 64 },
	{ "2000 blocks", JOB_BURSTS, .size = 64, .blocks = 2000 },
};

static const struct scenario churn[] = {
	{ "1,000 alive", JOB_CHURN, .blocks = 1000 },
	{ "10,000 alive", JOB_CHURN, .blocks = 10000 },
};

static const struct scenario two[] = {
	{ "2 processes", JOB_CHURN, .blocks = 1000, .processes = 2 },
};

static const struct scenario eight[] = {
	{ "8 processes", JOB_CHURN, .blocks = 1000, .processes = 8 },
};

static const struct scenario pass[] = {
	{ "passed on", JOB_PASS, .size = 64, .processes = 2 },
};

#define GROUP(of) { .scenarios = of, .count = sizeof(of) / sizeof(of[0]) }

static void measure(struct results *r, unsigned turns, const char *title)
{
	results_measure(r, rounds(turns));
	printf("\n### %s\n\n%u turns.\n", title,
		r->samples[0][contestant_named(CONTESTANT_OURS)].count);
	results_print(r);
}

void measure_alone(void)
{
	static struct results r[] = { GROUP(pairs), GROUP(bursts), GROUP(churn) };

	processor_use(0);
	measure(&r[0], TURNS_ALONE, "Allocated, written to and freed");
	results_goal(&r[0], "a block allocated and freed", CONTESTANT_GLIBC, "1.0 ×", 1);
	results_goal(&r[0], "a block allocated and freed", CONTESTANT_BOOST, "1/15 of", 1 / 15.);
	measure(&r[1], TURNS_ALONE, "So many of 64 B allocated, then all freed");
	results_goal(&r[1], "bursts", CONTESTANT_GLIBC, "1.3 ×", 1.3);
	measure(&r[2], TURNS_ALONE, "One of many, of 16 to 512 B, replaced by another one");
	results_goal(&r[2], "churn", CONTESTANT_GLIBC, "0.65 ×", 0.65);
	processors_use_all();
}

void measure_processes(void)
{
	static struct results r[] = { GROUP(two), GROUP(eight), GROUP(pass) };

	measure(&r[0], TURNS_TOGETHER, "The same by two processes, 1,000 alive in each");
	results_goal(&r[0], "churn", CONTESTANT_GLIBC, "0.6 ×", 0.6);
	results_goal(&r[0], "churn", CONTESTANT_BOOST, "1/30 of", 1 / 30.);
	measure(&r[1], TURNS_TOGETHER, "By eight processes, 1,000 alive in each");
	results_goal(&r[1], "churn", CONTESTANT_GLIBC, "0.8 ×", 0.8);
	results_goal(&r[1], "churn", CONTESTANT_BOOST, "1/30 of", 1 / 30.);
	measure(&r[2], TURNS_TOGETHER,
		"Allocated by one process, freed by another; of private heaps, by threads");
	results_goal(&r[2], "64 B from process to process, by threads of", CONTESTANT_GLIBC,
		"0.9 ×", 0.9);
}
