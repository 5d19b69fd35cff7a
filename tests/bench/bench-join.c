/* SPDX-License-Identifier: MIT */
/*
 * bench-join.c - what fondue_fork_join() costs beside the loop that it stands for
 *
 * The peer is what everybody writes: fork() n times, _exit() in the children, waitpid() n
 * times. fondue_fork_join() does that, too, and maps memory for the results, opens a pidfd
 * for each worker, lets it wait until that is there, flushes stdio and polls. Then pieces: n by one
 * fork each, as programs do that know no better; in a loop, as they would without processes; and
 * handed out to two workers by fondue_fork_join_pieces(). The work is next to nothing in all
 * of them. In turns, on one processor, so that what is done is measured and not how the
 * kernel spreads it.
 *
 * Usage: bench-join
 */
#include <sys/wait.h>
#include <unistd.h>

#include <fondue/process.h>

#include "launch.h"
#include "table.h"

#define ROUNDS 300
#define PIECES 1000

static unsigned long *touched;

static int work(unsigned i, void *arg)
{
	(void)arg;
	touched[i] += i;
	return 0;
}

static void by_hand(unsigned n)
{
	pid_t pids[64];

	for (unsigned i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			bench_fail("fork");
		if (pids[i] == 0)
			_exit(work(i, NULL));
	}
	for (unsigned i = 0; i < n; i++)
		if (waitpid(pids[i], NULL, 0) != pids[i])
			bench_fail("waitpid");
}

static void by_join(unsigned n)
{
	struct fondue_result results[64];

	if (fondue_fork_join(n, work, NULL, results))
		bench_give_up("a worker failed");
}

static void pieces_by_fork(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		by_hand(1);
}

static void pieces_by_ticket(unsigned n)
{
	const struct fondue_fork_join_options options = { .workers = 2 };

	if (fondue_fork_join_pieces(n, &options, work, NULL, NULL))
		bench_give_up("a worker failed");
}

enum { HAND_1, JOIN_1, HAND_4, JOIN_4, HAND_32, JOIN_32, PIECES_FORK, PIECES_TICKET, VARIANTS };

static const struct {
	const char *name;
	void (*run)(unsigned n);
	unsigned n, reference, every; /* in every so many rounds */
} variants[VARIANTS] = {
	[HAND_1] = { "1 process, by hand", by_hand, 1, HAND_1, 1 },
	[JOIN_1] = { "1 process, fondue_fork_join()", by_join, 1, HAND_1, 1 },
	[HAND_4] = { "4 processes, by hand", by_hand, 4, HAND_4, 1 },
	[JOIN_4] = { "4 processes, fondue_fork_join()", by_join, 4, HAND_4, 1 },
	[HAND_32] = { "32 processes, by hand", by_hand, 32, HAND_32, 1 },
	[JOIN_32] = { "32 processes, fondue_fork_join()", by_join, 32, HAND_32, 1 },
	[PIECES_FORK] = { "1000 pieces, a process for each", pieces_by_fork, PIECES, PIECES_FORK,
		10 },
	[PIECES_TICKET] = { "1000 pieces, fondue_fork_join_pieces()", pieces_by_ticket, PIECES,
		PIECES_FORK, 10 },
};

static void measure(struct samples *samples)
{
	for (unsigned round = 0; round < rounds(ROUNDS); round++) {
		unsigned order[VARIANTS];

		shuffle(order, VARIANTS);
		for (unsigned i = 0; i < VARIANTS; i++) {
			unsigned it = order[i];
			double from = now_us();

			if (round % variants[it].every)
				continue;
			variants[it].run(variants[it].n);
			samples_add(&samples[it], now_us() - from);
		}
	}
}

int main(void)
{
	static struct samples samples[VARIANTS];
	struct summary hand, join, forks, ticket;

	touched = mmap(NULL, PIECES * sizeof(*touched), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if ((void *)touched == MAP_FAILED)
		bench_fail("mmap");
	for (unsigned i = 0; i < VARIANTS; i++)
		samples[i].name = variants[i].name;
	stay_on_this_processor();
	measure(samples);
	hand = samples_summary(&samples[HAND_4]);
	join = samples_summary(&samples[JOIN_4]);
	forks = samples_summary(&samples[PIECES_FORK]);
	ticket = samples_summary(&samples[PIECES_TICKET]);
	printf("## Fork and join\n\n%u rounds.\n", samples[HAND_1].count);
	table_head("from the call to the last result, µs", "by hand");
	for (unsigned i = 0; i < VARIANTS; i++)
		table_line(&samples[i], &samples[variants[i].reference]);
	printf("\nGoal: fondue_fork_join(4) at most 1.5 × fork() and waitpid() by hand | %.2f ×; "
	       "of the minima %.2f ×\n"
	       "Goal: a piece of work that is handed out at most 1/100 of a process | 1/%.0f\n",
		join.median / hand.median, join.min / hand.min, forks.median / ticket.median);
	return EXIT_SUCCESS;
}
