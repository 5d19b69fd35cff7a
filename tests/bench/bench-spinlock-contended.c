/* SPDX-License-Identifier: MIT */
/*
 * bench-spinlock-contended.c - acquisitions a second, of all processes together
 *
 * Two processes have a processor each: there a lock is good if it passes its cache line
 * quickly, and spinning is right. With more processes than processors the owner may be one
 * that is not running, and whoever spins for it takes the processor that it needs.
 *
 * Interference only slows, so the best of the rounds is the steadier figure; the median is
 * told beside it, and for the goals the ratio to a peer round by round. "The best peer" is
 * the one with the best median, in that cell, in this run: picked afterwards from several
 * alike, so a ratio of 1 among equals comes out below 1.
 */
#include "bench-spinlock.h"

#define ROUNDS	  9
#define WINDOW_MS 100

#define LOCKS_MAX 16
#define CELLS	  11

static const struct cell cells[CELLS] = {
	{ 2, 0, 100 },
	{ 2, 100, 100 },
	{ 2, 5000, 5000 }, /* */
	{ 4, 100, 100 },
	{ 8, 100, 100 },
	{ 32, 100, 100 },
	{ 64, 100, 100 },
	{ 4, 5000, 5000 },
	{ 8, 5000, 5000 },
	{ 32, 5000, 5000 },
	{ 64, 5000, 5000 },
};

static const struct group {
	unsigned first, count;
	const char *title, *goal;
	bool any_peer; /* those that spin are peers, too */
} groups[] = {
	{ 0, 3, "Two processes, one on each processor",
		"two processes: at least 0.95 × the best peer", true },
	{ 3, 4, "More processes than processors, sections of 100 ns",
		"4 to 64 processes, sections of 100 ns: at least 1.0 × the best that parks",
		false },
	{ 7, 4, "More processes than processors, sections of 5 µs",
		"4 to 64 processes, sections of 5 µs: at least 1.0 × the best that parks",
		false },
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static struct samples samples[CELLS][LOCKS_MAX];

static void measure(unsigned cell)
{
	for (unsigned round = rounds(ROUNDS); round > 0; round--) {
		unsigned order[LOCKS_MAX];

		shuffle(order, contestant_count);
		for (unsigned i = 0; i < contestant_count; i++) {
			const struct contestant *c = &contestants[order[i]];

			if (c->kind != KIND_NONE)
				samples_add(&samples[cell][order[i]],
					fleet_run(c, &cells[cell], WINDOW_MS, false).rate);
		}
	}
}

static const char *section_name(const struct cell *cell)
{
	return cell->section_ns == 0 ? "0 ns" : cell->section_ns == 100 ? "100 ns" : "5 µs";
}

static void print_table(const struct group *g)
{
	printf("\n#### %s\n\nMillion acquisitions a second: best of %u rounds of %u ms / their "
	       "median.\n\n| lock |",
		g->title, samples[g->first][1].count, WINDOW_MS);
	for (unsigned i = 0; i < g->count; i++)
		printf(" %u × %s |", cells[g->first + i].processes,
			section_name(&cells[g->first + i]));
	printf("\n|---|--:|%s--:|--:|\n", g->count == 4 ? "--:|" : "");
	for (unsigned lock = 1; lock < contestant_count; lock++) {
		printf("| %s |", contestants[lock].name);
		for (unsigned i = 0; i < g->count; i++) {
			const struct samples *s = &samples[g->first + i][lock];

			printf(" %.3g / %.3g |", samples_max(s), samples_summary(s).median);
		}
		printf("\n");
	}
}

static double median_of(const struct samples *s)
{
	return samples_summary(s).median;
}

static unsigned best_peer(
	unsigned cell, bool any_peer, double (*value)(const struct samples *s))
{
	unsigned best = contestant_named(CONTESTANT_MUTEX);

	for (unsigned i = 1; i < contestant_count; i++) {
		bool is_peer = any_peer ? contestants[i].kind != KIND_OURS :
					  contestants[i].kind == KIND_PARKS;

		if (is_peer && value(&samples[cell][i]) > value(&samples[cell][best]))
			best = i;
	}
	return best;
}

static void print_ratio(unsigned cell, const struct group *g)
{
	const struct samples *ours = &samples[cell][contestant_named(CONTESTANT_OURS)];
	unsigned best = best_peer(cell, g->any_peer, samples_max);
	unsigned usual = best_peer(cell, g->any_peer, median_of);
	struct estimate ratio = samples_ratio(ours, &samples[cell][usual]);

	printf("%.2f × %s (%.2f to %.2f), best rounds %.2f × %s", ratio.median,
		contestants[usual].name, ratio.low, ratio.high,
		samples_max(ours) / samples_max(&samples[cell][best]), contestants[best].name);
}

static void print_goals(const struct group *g)
{
	printf("Goal: %s | ", g->goal);
	for (unsigned i = 0; i < g->count; i++) {
		if (g->first)
			printf("%s%u: ", i ? "; " : "", cells[g->first + i].processes);
		else
			printf("%s%s: ", i ? "; " : "", section_name(&cells[i]));
		print_ratio(g->first + i, g);
	}
	printf("\n");
}

/* A spin lock whose owner is not run has windows in which nobody gets it at all. */
static void print_times(const char *what, double ratio)
{
	if (ratio > 100)
		printf("%sover 100 ×", what);
	else
		printf("%s%.1f ×", what, ratio);
}

static void print_spin_goal(unsigned processes, unsigned wanted)
{
	const char *separator = "";

	printf("Goal: %u processes: at least %u × %s | ", processes, wanted, CONTESTANT_SPIN);
	for (unsigned cell = 0; cell < CELLS; cell++) {
		const struct samples *ours = &samples[cell][contestant_named(CONTESTANT_OURS)];
		const struct samples *spin = &samples[cell][contestant_named(CONTESTANT_SPIN)];

		if (cells[cell].processes != processes)
			continue;
		printf("%s%s: ", separator, section_name(&cells[cell]));
		print_times("", samples_ratio(ours, spin).median);
		print_times(", best rounds ", samples_max(ours) / samples_max(spin));
		separator = "; ";
	}
	printf("\n");
}

void measure_contended(void)
{
	for (unsigned cell = 0; cell < CELLS; cell++)
		measure(cell);
	printf("\n### Contended\n\nEach process locks, works for the section's time, unlocks, "
	       "and thinks for as long; for 100 ns where the section is empty.\n");
	for (unsigned i = 0; i < GROUPS; i++)
		print_table(&groups[i]);
	printf("\n");
	for (unsigned i = 0; i < GROUPS; i++)
		print_goals(&groups[i]);
	print_spin_goal(32, 4);
	print_spin_goal(64, 10);
}
