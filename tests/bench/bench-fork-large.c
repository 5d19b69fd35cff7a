/* SPDX-License-Identifier: MIT */
/*
 * bench-fork-large.c - fork() of a process with 256 MiB of globals in use
 *
 * For private memory fork() copies the page tables, 65536 entries here, and takes the
 * right to write from both processes; whoever writes a page first afterwards pays a fault
 * and a copy. Of shared memory the kernel copies nothing: a child that uses a page pays a
 * fault for that page. So sharing moves costs from the fork to the use, and a benchmark
 * of fork() alone would tell half of it: in the last table the child writes every page.
 *
 * Peers: the same annotated program without the runtime; a program with an ordinary
 * array; the same on huge pages, the usual remedy for slow forks; an explicit MAP_SHARED
 * arena, to which such a program would have to be rewritten; and a process with 4 KiB in
 * use, which is the floor.
 *
 * Usage: bench-fork-large LIBFONDUE EMPTY FORKER FORKER_PRIVATE FORKER_SHARED
 */
#include "forker.h"
#include "table.h"

#define GENERATIONS 5
#define TURNS	    10
#define CYCLES	    4
#define WRITE_TURNS 2

enum { SMALL, PRIVATE, UNSHARED, HUGE_PAGES, ARENA, SHARED, VARIANTS };

static const struct {
	const char *name, *memory;
	unsigned program, preload; /* indices into argv */
} variants[VARIANTS] = {
	[SMALL] = { "4 KiB, private", "global", 3, 2 },
	[PRIVATE] = { "256 MiB, private", "global", 4, 2 },
	[UNSHARED] = { "256 MiB, FONDUE_SHARED_ZERO without the runtime", "global", 5, 2 },
	[HUGE_PAGES] = { "256 MiB, private, MADV_HUGEPAGE", "huge", 4, 2 },
	[ARENA] = { "256 MiB, explicit MAP_SHARED arena", "arena", 4, 2 },
	[SHARED] = { "256 MiB, FONDUE_SHARED_ZERO with fondue", "shared", 5, 1 },
};

struct results {
	struct samples call[VARIANTS], whole[VARIANTS];
	struct samples write_call[VARIANTS], write_whole[VARIANTS];
};

static void take_turn(struct peer *peers, struct results *results)
{
	struct request request = { .door = DOOR_FORK, .cycles = CYCLES };
	unsigned order[VARIANTS];

	shuffle(order, VARIANTS);
	for (unsigned i = 0; i < VARIANTS; i++)
		forker_ask(&peers[order[i]], &request, &results->call[order[i]],
			&results->whole[order[i]]);
}

static void take_writing_turn(struct peer *peers, struct results *results)
{
	struct request request = { DOOR_FORK, ERRAND_WRITE, .cycles = 1 };
	unsigned order[VARIANTS];

	shuffle(order, VARIANTS);
	for (unsigned i = 0; i < VARIANTS; i++)
		forker_ask(&peers[order[i]], &request, &results->write_call[order[i]],
			&results->write_whole[order[i]]);
}

static void live_one_generation(char **argv, struct results *results)
{
	struct peer peers[VARIANTS];

	for (unsigned i = 0; i < VARIANTS; i++) {
		char *args[] = { argv[variants[i].program], (char *)variants[i].memory, NULL };

		peers[i] = peer_start(variants[i].name, args, argv[variants[i].preload]);
	}
	for (unsigned i = 0; i < TURNS; i++)
		take_turn(peers, results);
	for (unsigned i = 0; i < WRITE_TURNS; i++)
		take_writing_turn(peers, results);
	for (unsigned i = 0; i < VARIANTS; i++)
		peer_stop(&peers[i]);
}

static void print_samples(const char *what, const struct samples *samples, unsigned first)
{
	struct summary private = samples_summary(&samples[PRIVATE]);

	printf("\n| %s | median | minimum | times faster than private: median | minimum |\n"
	       "|---|--:|--:|--:|--:|\n",
		what);
	for (unsigned i = first; i < VARIANTS; i++) {
		struct summary s = samples_summary(&samples[i]);

		printf("| %s | %.1f | %.1f | %.2f | %.2f |\n", samples[i].name, s.median,
			s.min, private.median / s.median, private.min / s.min);
	}
}

static void print_results(const struct results *results)
{
	struct summary private = samples_summary(&results->call[PRIVATE]);
	struct summary shared = samples_summary(&results->call[SHARED]);

	printf("## fork() with 256 MiB of globals in use\n\n");
	printf("%u forks of each, in turns of %u, and %u with a child that writes; after %u "
	       "turns new processes.\n",
		results->call[SHARED].count, CYCLES, results->write_call[SHARED].count, TURNS);
	print_samples("fork() in the parent, µs", results->call, SMALL);
	print_samples("fork(), _exit(), waitpid(), µs", results->whole, SMALL);
	print_samples("the same, the child writes one byte in every page, µs",
		results->write_whole, PRIVATE);
	printf("\nGoal: fork() with 256 MiB of shared globals at least 20 times faster than "
	       "private | %.0f times; of the minima %.0f times\n",
		private.median / shared.median, private.min / shared.min);
}

int main(int argc, char **argv)
{
	static struct results results;

	if (argc != 6)
		return EXIT_FAILURE;
	for (unsigned i = 0; i < VARIANTS; i++) {
		results.call[i].name = results.whole[i].name = variants[i].name;
		results.write_call[i].name = results.write_whole[i].name = variants[i].name;
	}
	stay_on_this_processor();
	for (unsigned i = rounds(GENERATIONS); i > 0; i--)
		live_one_generation(argv, &results);
	print_results(&results);
	return EXIT_SUCCESS;
}
