/* SPDX-License-Identifier: MIT */
/*
 * bench-heap-fork.c - fork() of a process that has a heap to share
 *
 * The heap is a reservation of addresses, made before the first fork: what was never touched
 * must cost a fork nothing. And of what was touched the kernel copies no page tables, as it
 * must for private memory. So there are processes that have the reservation and processes that have
 * none, with 4 KiB in use, and such with 1 GiB in use, from malloc() and from the heap.
 *
 * Usage: bench-heap-fork LIBFONDUE FORKER_SHARED FORKER_HEAP FORKER_HEAP_GIB
 */
#include "forker.h"
#include "table.h"

#define GENERATIONS 5
#define TURNS	    6
#define CYCLES	    10

enum { NONE, RESERVED, PRIVATE, SHARED, VARIANTS };

static const struct {
	const char *name, *memory;
	unsigned program, cycles; /* index into argv */
} variants[VARIANTS] = {
	[NONE] = { "4 KiB, no heap", "shared", 2, CYCLES },
	[RESERVED] = { "4 KiB of the heap", "heap", 3, CYCLES },
	[PRIVATE] = { "1 GiB from malloc()", "malloc", 4, 1 },
	[SHARED] = { "1 GiB of the heap", "heap", 4, CYCLES },
};

struct results {
	struct samples call[VARIANTS], whole[VARIANTS];
};

static void take_turn(struct peer *peers, struct results *results)
{
	unsigned order[VARIANTS];

	shuffle(order, VARIANTS);
	for (unsigned i = 0; i < VARIANTS; i++) {
		unsigned it = order[i];
		struct request request = { .door = DOOR_FORK, .cycles = variants[it].cycles };

		forker_ask(&peers[it], &request, &results->call[it], &results->whole[it]);
	}
}

/* The large ones live as long as the benchmark: to touch a gibibyte takes a second. */
static void measure(char **argv, struct results *results)
{
	struct peer peers[VARIANTS];

	for (unsigned g = rounds(GENERATIONS), first = g; g > 0; g--) {
		for (unsigned i = 0; i < VARIANTS; i++) {
			char *args[] = { argv[variants[i].program],
				(char *)variants[i].memory, NULL };

			if (g == first || i < PRIVATE)
				peers[i] = peer_start(variants[i].name, args, argv[1]);
		}
		for (unsigned i = 0; i < TURNS; i++)
			take_turn(peers, results);
		for (unsigned i = 0; i < VARIANTS; i++)
			if (g == 1 || i < PRIVATE)
				peer_stop(&peers[i]);
	}
}

static void print_table(const char *what, const struct samples *samples)
{
	printf("\n| %s | median | 10th percentile | minimum |\n|---|--:|--:|--:|\n", what);
	for (unsigned i = 0; i < VARIANTS; i++) {
		struct summary s = samples_summary(&samples[i]);

		printf("| %s | %.1f | %.1f | %.1f |\n", samples[i].name, s.median, s.p10, s.min);
	}
}

int main(int argc, char **argv)
{
	static struct results results;
	struct estimate more;
	struct summary none, reserved, private, shared;

	if (argc != 5)
		return EXIT_FAILURE;
	for (unsigned i = 0; i < VARIANTS; i++)
		results.call[i].name = results.whole[i].name = variants[i].name;
	results.call[NONE].per_round = results.call[RESERVED].per_round = TURNS * CYCLES;
	stay_on_this_processor();
	measure(argv, &results);
	more = samples_difference(&results.call[RESERVED], &results.call[NONE]);
	none = samples_summary(&results.call[NONE]);
	reserved = samples_summary(&results.call[RESERVED]);
	private = samples_summary(&results.call[PRIVATE]);
	shared = samples_summary(&results.call[SHARED]);
	printf("## fork() of a process with a shared heap\n\n%u forks, in turns of %u; of the "
	       "private gibibyte, %u.\n",
		results.call[SHARED].count, CYCLES, results.call[PRIVATE].count);
	print_table("fork() in the parent, µs", results.call);
	print_table("fork(), _exit(), waitpid(), µs", results.whole);
	printf("\nGoal: fork() with the heap's reservation: +0 µs | %+.2f µs (%+.2f to %+.2f); "
	       "of the minima %+.2f µs\n"
	       "Goal: fork() with 1 GiB of the heap in use at least 100 times faster than with "
	       "as much private memory | %.0f times; of the minima %.0f times\n",
		more.median, more.low, more.high, reserved.min - none.min,
		private.median / shared.median, private.min / shared.min);
	return EXIT_SUCCESS;
}
