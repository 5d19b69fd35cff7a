/* SPDX-License-Identifier: MIT */
/*
 * bench-heap-scenario.c - let a heap do something for a while, and tell how long a block took
 *
 * How often is found out once for each pair of heap and scenario, so that it takes about the
 * same time for all: from 4 ns to 100 µs a block there is a long way. The stocks of blocks
 * that are alive stay from one turn to the next, as in a program that runs for long.
 */
#include <string.h>

#include "bench-heap.h"

/* For one measurement, in this process or in each of several, µs. */
#define ALONE_US    700
#define TOGETHER_US 6000

#define WORKS_MAX 96

/* What is kept of a contestant in a scenario. */
static struct work {
	const struct scenario *scenario;
	const struct contestant *contestant;
	unsigned long count; /* how often it is done in one measurement */
	struct stock *stock;
	struct fleet *fleet;
} works[WORKS_MAX];

static struct work *work_of(const struct scenario *s, const struct contestant *c)
{
	struct work *work = works;

	while (work->scenario && (work->scenario != s || work->contestant != c))
		if (++work == works + WORKS_MAX)
			bench_give_up("too many scenarios");
	work->scenario = s;
	work->contestant = c;
	return work;
}

struct stock *stock_new(const struct contestant *c, unsigned count)
{
	struct stock *stock = malloc(sizeof(*stock) + count * sizeof(stock->blocks[0]));

	if (!stock)
		bench_fail("malloc");
	stock->random = 2463534242u;
	stock->count = count;
	for (unsigned i = 0; c && i < count; i++)
		stock->blocks[i] = c->alloc(16 + i * 7919 % 497);
	return stock;
}

static void start(struct work *work)
{
	const struct scenario *s = work->scenario;

	if (s->processes)
		work->fleet = fleet_start(s, work->contestant);
	else if (s->blocks)
		work->stock = stock_new(s->job == JOB_CHURN ? work->contestant : NULL, s->blocks);
}

static double run(const struct work *work, unsigned long count)
{
	const struct contestant *c = work->contestant;
	const struct scenario *s = work->scenario;
	double from;

	if (work->fleet)
		return fleet_run(work->fleet, count);
	from = now_us();
	if (s->job == JOB_PAIRS)
		c->pairs(s->size, count);
	else if (s->job == JOB_BURSTS)
		c->bursts(work->stock, s->size, count);
	else
		c->churn(work->stock, count);
	return now_us() - from;
}

/* Of some tries the fastest: what is new, or disturbed, takes longer than it will. */
static double run_undisturbed(const struct work *work)
{
	double least = INFINITY;

	for (unsigned tries = 0; tries < 5; tries++)
		least = fmin(least, run(work, work->count));
	return least;
}

static void calibrate(struct work *work)
{
	double us = work->fleet ? TOGETHER_US : ALONE_US, took;

	work->count = 1;
	while ((took = run_undisturbed(work)) < us / 1.3)
		work->count = (unsigned long)(work->count * fmin(us / took, 16)) + 1;
}

double scenario_measure(const struct scenario *s, unsigned contestant)
{
	struct work *work = work_of(s, &contestants[contestant]);
	double us, blocks, at_once = 1;

	if (!work->count) {
		start(work);
		calibrate(work);
	}
	us = run(work, work->count);
	blocks = work->count;
	if (s->job == JOB_BURSTS)
		blocks *= s->blocks;
	if (s->job == JOB_CHURN && s->processes) {
		blocks *= s->processes;
		at_once = s->processes < processor_count ? s->processes : processor_count;
	}
	return us * 1e3 * at_once / blocks;
}

void scenario_end(void)
{
	children_kill();
	for (struct work *work = works; work < works + WORKS_MAX && work->scenario; work++) {
		for (unsigned i = 0; work->stock && work->scenario->job == JOB_CHURN &&
				     i < work->stock->count;
			i++)
			work->contestant->free(work->stock->blocks[i]);
		free(work->stock);
		if (work->fleet)
			fleet_end(work->fleet);
	}
	memset(works, 0, sizeof(works));
}
