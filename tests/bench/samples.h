/* SPDX-License-Identifier: MIT */
/*
 * samples.h - many measurements of the same thing, and what may be said of them
 *
 * A single time on a shared machine means little, and an average means less: one
 * interruption of 10 ms outweighs a thousand undisturbed runs. So everything here is
 * measured many times, and what is compared is measured in turn, in one run, in an order
 * drawn anew for each round. Then a slow second of the machine falls on all alike. Told
 * are
 *
 *  - the median: what a user sees;
 *  - the minimum: what the code costs when nothing disturbs it. Where the two disagree
 *    about which is faster, believe neither;
 *  - of a difference, the median of the differences round by round, with the interval that
 *    holds the true one in 95 of 100 repetitions. It goes by rank and so assumes nothing
 *    of the noise but that rounds are independent. Measurements within one process are
 *    not: its place in memory makes all of them faster or slower. There a round is the
 *    life of a process, and its value the median of what was measured in it.
 */
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct samples {
	const char *name;
	unsigned per_round; /* consecutive values that make a round; 0 counts as 1 */
	unsigned count, room;
	double *values;
};

struct summary {
	double median, p10, min;
};

/* A median and the interval that it lies in. */
struct estimate {
	double low, median, high;
};

__attribute__((noreturn)) static inline void bench_fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* As above, where errno has nothing to tell. */
__attribute__((noreturn)) static inline void bench_give_up(const char *why)
{
	fprintf(stderr, "%s\n", why);
	exit(EXIT_FAILURE);
}

/* CLOCK_MONOTONIC in microseconds: the same clock in all processes of the machine. */
static inline double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static inline void samples_add(struct samples *s, double value)
{
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 1024;
		s->values = realloc(s->values, s->room * sizeof(*s->values));
		if (!s->values)
			bench_fail("realloc");
	}
	s->values[s->count++] = value;
}

static inline int samples_order_(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts: the rounds are not to be paired any more after this. */
static inline void samples_sort_(struct samples *s)
{
	if (!s->count)
		bench_give_up("nothing was measured");
	qsort(s->values, s->count, sizeof(*s->values), samples_order_);
}

static inline struct samples samples_copy_(
	const struct samples *s, unsigned first, unsigned count)
{
	struct samples copy = { .name = s->name };

	for (unsigned i = 0; i < count; i++)
		samples_add(&copy, s->values[first + i]);
	return copy;
}

static inline double samples_round_(const struct samples *s, unsigned first, unsigned count)
{
	struct samples sorted = samples_copy_(s, first, count);
	double median;

	samples_sort_(&sorted);
	median = sorted.values[count / 2];
	free(sorted.values);
	return median;
}

static inline struct summary samples_summary(const struct samples *s)
{
	struct samples sorted = samples_copy_(s, 0, s->count);
	struct summary summary;

	samples_sort_(&sorted);
	summary = (struct summary){
		.median = sorted.values[sorted.count / 2],
		.p10 = sorted.values[sorted.count / 10],
		.min = sorted.values[0],
	};
	free(sorted.values);
	return summary;
}

/* The median of @a - @b, round by round; both have the same rounds. */
static inline struct estimate samples_difference(
	const struct samples *a, const struct samples *b)
{
	struct samples d = { .name = a->name };
	unsigned per_round = a->per_round ? a->per_round : 1;
	struct estimate estimate;
	unsigned half_width;

	for (unsigned i = 0; i + per_round <= a->count; i += per_round)
		samples_add(&d,
			samples_round_(a, i, per_round) - samples_round_(b, i, per_round));
	samples_sort_(&d);
	/* how far the median's rank strays: 1.96 standard deviations of a fair coin's */
	half_width = (unsigned)ceil(0.98 * sqrt(d.count));
	if (half_width > d.count / 2)
		half_width = d.count / 2;
	estimate = (struct estimate){
		.low = d.values[d.count / 2 - half_width],
		.median = d.values[d.count / 2],
		.high = d.values[d.count - 1 - (d.count / 2 - half_width)],
	};
	free(d.values);
	return estimate;
}

/* The ratio of @a to @b, round by round: as a difference of logarithms. */
static inline struct estimate samples_ratio(const struct samples *a, const struct samples *b)
{
	struct samples log_a = { 0 }, log_b = { 0 };
	struct estimate e;

	for (unsigned i = 0; i < a->count && i < b->count; i++) {
		samples_add(&log_a, log(a->values[i]));
		samples_add(&log_b, log(b->values[i]));
	}
	e = samples_difference(&log_a, &log_b);
	free(log_a.values);
	free(log_b.values);
	return (struct estimate){ exp(e.low), exp(e.median), exp(e.high) };
}

/* How often to repeat: @full times, or the share of it that BENCH_PERCENT says. */
static inline unsigned rounds(unsigned full)
{
	const char *text = getenv("BENCH_PERCENT");
	unsigned count = text ? (unsigned)(full * strtod(text, NULL) / 100) : full;

	return count < 3 ? 3 : count;
}

/* Put 0..count-1 into @order, shuffled: the same sequence of orders in every run. */
static inline void shuffle(unsigned *order, unsigned count)
{
	static uint32_t state = 2463534242u; /* xorshift32: any seed but 0 */

	for (unsigned i = 0; i < count; i++) {
		unsigned j;

		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		j = state % (i + 1);
		order[i] = order[j];
		order[j] = i;
	}
}
