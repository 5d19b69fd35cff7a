/* SPDX-License-Identifier: MIT */
/*
 * bench-spinlock-fairness.c - does everybody get the lock, and how long does one wait?
 *
 * Jain's index of the processes' acquisitions in a window: 1 if all have as many, 1/n if
 * one has them all. "No lock" is the same loop without any: what the scheduler alone
 * gives, which with 4 ms for each of 32 processes in turn is less than 1 in 300 ms. The
 * longest wait of any process counts whole, also where it began before the window.
 *
 * Locks that queue and spin are not asked: they are fair, and wait for seconds.
 */
#include "bench-spinlock.h"

#define ROUNDS	  7
#define WINDOW_MS 300

#define LOCKS_MAX 16
#define CELLS	  4

static const struct cell cells[CELLS] = {
	{ 8, 100, 100 },
	{ 8, 5000, 5000 },
	{ 32, 100, 100 },
	{ 32, 5000, 5000 },
};

static struct results {
	struct samples rate, jain, least, worst;
} results[CELLS][LOCKS_MAX];

static bool is_asked(unsigned lock)
{
	return contestants[lock].kind != KIND_QUEUES;
}

static void measure(unsigned cell)
{
	for (unsigned round = rounds(ROUNDS); round > 0; round--) {
		unsigned order[LOCKS_MAX];

		shuffle(order, contestant_count);
		for (unsigned i = 0; i < contestant_count; i++) {
			struct results *r = &results[cell][order[i]];
			struct reached reached;

			if (!is_asked(order[i]))
				continue;
			reached = fleet_run(
				&contestants[order[i]], &cells[cell], WINDOW_MS, true);
			samples_add(&r->rate, reached.rate);
			samples_add(&r->jain, reached.jain);
			samples_add(&r->least, reached.least);
			samples_add(&r->worst, reached.worst_ms);
		}
	}
}

static const char *section_name(const struct cell *cell)
{
	return cell->section_ns == 100 ? "100 ns" : "5 µs";
}

static void print_table(unsigned cell)
{
	printf("\n#### %u processes, sections of %s\n\n"
	       "| lock | Jain's index: median | worst round | least share by largest | longest "
	       "wait, ms: median | worst round | million acquisitions a second |\n"
	       "|---|--:|--:|--:|--:|--:|--:|\n",
		cells[cell].processes, section_name(&cells[cell]));
	for (unsigned i = 0; i < contestant_count; i++) {
		const struct results *r = &results[cell][i];

		if (is_asked(i))
			printf("| %s | %.3f | %.3f | %.3f | %.1f | %.1f | %.3g |\n",
				contestants[i].name, samples_summary(&r->jain).median,
				samples_summary(&r->jain).min,
				samples_summary(&r->least).median,
				samples_summary(&r->worst).median, samples_max(&r->worst),
				samples_summary(&r->rate).median);
	}
}

static double median(const struct samples *s)
{
	return samples_summary(s).median;
}

/* Of those that park, the one that waits least, or shares best. */
static unsigned best_peer(unsigned cell, bool by_wait)
{
	unsigned best = contestant_named(CONTESTANT_MUTEX);

	for (unsigned i = 0; i < contestant_count; i++) {
		const struct results *r = &results[cell][i], *b = &results[cell][best];

		if (contestants[i].kind != KIND_PARKS)
			continue;
		if (by_wait ? median(&r->worst) < median(&b->worst) :
			      median(&r->jain) > median(&b->jain))
			best = i;
	}
	return best;
}

static void print_jain_goal(unsigned first, double wanted)
{
	unsigned ours = contestant_named(CONTESTANT_OURS);

	printf("Goal: fairness of %u processes: Jain's index at least %.2f | ",
		cells[first].processes, wanted);
	for (unsigned cell = first; cell < first + 2; cell++)
		printf("%s%s: %.3f, worst round %.3f (best that parks: %.3f; no lock at all: "
		       "%.3f)",
			cell > first ? "; " : "", section_name(&cells[cell]),
			median(&results[cell][ours].jain),
			samples_summary(&results[cell][ours].jain).min,
			median(&results[cell][best_peer(cell, false)].jain),
			median(&results[cell][0].jain));
	printf("\n");
}

static void print_wait_goal(unsigned first)
{
	printf("Goal: longest wait of %u processes: at most 0.7 × the best that parks | ",
		cells[first].processes);
	for (unsigned cell = first; cell < first + 2; cell++) {
		unsigned peer = best_peer(cell, true);
		const struct samples *ours =
			&results[cell][contestant_named(CONTESTANT_OURS)].worst;
		const struct samples *theirs = &results[cell][peer].worst;
		struct estimate ratio = samples_ratio(ours, theirs);

		printf("%s%s: %.2f × %s (%.2f to %.2f), worst rounds %.2f ×",
			cell > first ? "; " : "", section_name(&cells[cell]), ratio.median,
			contestants[peer].name, ratio.low, ratio.high,
			samples_max(ours) / samples_max(theirs));
	}
	printf("\n");
}

void measure_fairness(void)
{
	for (unsigned cell = 0; cell < CELLS; cell++)
		measure(cell);
	printf("\n### Fairness\n\n%u windows of %u ms. The clock is read before and after each "
	       "acquisition.\n",
		results[0][0].jain.count, WINDOW_MS);
	for (unsigned cell = 0; cell < CELLS; cell++)
		print_table(cell);
	printf("\n");
	print_jain_goal(0, 0.97);
	print_jain_goal(2, 0.85);
	print_wait_goal(2);
}
