/* SPDX-License-Identifier: MIT */
/*
 * bench-heap-results.c - a group of scenarios: measured in turns, printed as one table
 */
#include <string.h>

#include "bench-heap.h"

/*
 * On a busy machine some heaps take a thousand times as long, in queues for their lock: after so
 * long, and so many turns, it is enough. µs
 */
#define PATIENCE_US 20e6
#define TURNS_LEAST 9

void results_measure(struct results *r, unsigned turns)
{
	double end = now_us() + PATIENCE_US;

	for (unsigned done = 0; done < turns; done++) {
		if (done >= TURNS_LEAST && now_us() > end)
			break;
		for (unsigned s = 0; s < r->count; s++) {
			unsigned order[CONTESTANTS_MAX];

			shuffle(order, contestant_count);
			for (unsigned i = 0; i < contestant_count; i++)
				if (is_there[order[i]])
					samples_add(&r->samples[s][order[i]],
						scenario_measure(&r->scenarios[s], order[i]));
		}
	}
	scenario_end();
}

static void print_cell(const struct results *r, unsigned scenario, unsigned contestant)
{
	const struct samples *ours = &r->samples[scenario][contestant_named(CONTESTANT_OURS)];
	const struct samples *it = &r->samples[scenario][contestant];
	struct summary sum = samples_summary(it);
	struct estimate ratio;

	printf(" %.*f | %.*f |", sum.median < 100 ? 1 : 0, sum.median, sum.min < 100 ? 1 : 0,
		sum.min);
	if (it == ours) {
		printf(" |");
		return;
	}
	ratio = samples_ratio(ours, it);
	printf(" %.2g (%.2g to %.2g) |", ratio.median, ratio.low, ratio.high);
}

/* How long ours takes, by it: small is good. */
void results_print(const struct results *r)
{
	printf("\n| ns |");
	for (unsigned s = 0; s < r->count; s++)
		printf(" %s: median | minimum | fondue, by it |", r->scenarios[s].name);
	printf("\n|---|");
	for (unsigned s = 0; s < r->count; s++)
		printf("--:|--:|--:|");
	printf("\n");
	for (unsigned i = 0; i < contestant_count; i++) {
		printf("| %s |", contestants[i].name);
		if (!is_there[i])
			printf(" not there (Debian: %s) |", contestants[i].missing);
		for (unsigned s = 0; is_there[i] && s < r->count; s++)
			print_cell(r, s, i);
		printf("\n");
	}
	printf("\n");
}

void results_goal(const struct results *r, const char *what, const char *peer,
	const char *shown, double goal)
{
	unsigned theirs = contestant_named(peer), ours = contestant_named(CONTESTANT_OURS);

	printf("Goal: %s: at most %s %s | ", what, shown, peer);
	if (!is_there[theirs]) {
		printf("%s was not there\n", peer);
		return;
	}
	for (unsigned s = 0; s < r->count; s++) {
		const struct samples *a = &r->samples[s][ours], *b = &r->samples[s][theirs];
		struct estimate ratio = samples_ratio(a, b);

		printf("%s%s: %.3g × (%.3g to %.3g), of the minima %.3g ×%s", s ? "; " : "",
			r->scenarios[s].name, ratio.median, ratio.low, ratio.high,
			samples_summary(a).min / samples_summary(b).min,
			ratio.median <= goal ? "" : " (missed)");
	}
	printf("\n");
}
