/* SPDX-License-Identifier: MIT */
/*
 * bench-fork.c - what the hook adds to fork()
 *
 * Measured is fork(), from the call until it has returned in the parent, and the whole
 * cycle: fork(), _exit() in the child, waitpid(). The peer is the same program under an
 * empty preload, not fork() as dlsym() finds it in the preloaded process: that one runs
 * the runtime's atfork handlers as well, and would hide their cost. It is in the second
 * table nevertheless, which shows where the time goes: fork() around the hook has the
 * handlers only, _Fork() around the hook has nothing of ours.
 *
 * Where a process lies in memory makes it faster or slower for all of its life, by more
 * than a hook costs. So the processes are started anew many times (a generation), and
 * within each they are asked in turns, for a few forks at a time.
 *
 * Usage: bench-fork LIBFONDUE EMPTY FORKER FORKER_SHARED FORKER_LOCKS
 */
#include "forker.h"
#include "table.h"

#define GENERATIONS 100
#define TURNS	    4
#define CYCLES	    20

enum { BARE, EMPTY, UNUSED, ONE_PAGE, LOCKS, THREAD_EMPTY, THREAD, VARIANTS };

static const struct variant {
	const char *name;
	unsigned preload, program; /* indices into argv; preload 0: none */
	const char *args[2];
	unsigned reference; /* the variant that it is compared with */
} variants[VARIANTS] = {
	[BARE] = { "no preload", 0, 3, { "global" }, EMPTY },
	[EMPTY] = { "empty preload", 2, 3, { "global" }, EMPTY },
	[UNUSED] = { "fondue, nothing annotated", 1, 3, { "global" }, EMPTY },
	[ONE_PAGE] = { "fondue, one shared page", 1, 4, { "shared" }, EMPTY },
	[LOCKS] = { "fondue, one shared page and locks: libunwind is there", 1, 5, { "shared" },
		EMPTY },
	[THREAD_EMPTY] = { "empty preload, two threads", 2, 3, { "global", "thread" },
		THREAD_EMPTY },
	[THREAD] = { "fondue, one shared page, two threads", 1, 4, { "shared", "thread" },
		THREAD_EMPTY },
};

static const char *const door_names[DOOR_COUNT] = {
	[DOOR_FORK] = "fork()",
	[DOOR_FORK_LIBC] = "fork() around the hook: the atfork handlers alone",
	[DOOR_FORK_RAW] = "_Fork()",
	[DOOR_FORK_RAW_LIBC] = "_Fork() around the hook: nothing of fondue's",
};

struct results {
	struct samples call[VARIANTS], whole[VARIANTS];
	struct samples door_call[DOOR_COUNT], door_whole[DOOR_COUNT];
};

static void take_turn(struct peer *peers, struct results *results)
{
	unsigned order[VARIANTS], doors[DOOR_COUNT];

	shuffle(order, VARIANTS);
	for (unsigned i = 0; i < VARIANTS; i++) {
		struct request request = { .door = DOOR_FORK, .cycles = CYCLES };

		forker_ask(&peers[order[i]], &request, &results->call[order[i]],
			&results->whole[order[i]]);
	}
	shuffle(doors, DOOR_COUNT);
	for (unsigned i = 0; i < DOOR_COUNT; i++) {
		struct request request = { .door = doors[i], .cycles = CYCLES };

		forker_ask(&peers[ONE_PAGE], &request, &results->door_call[doors[i]],
			&results->door_whole[doors[i]]);
	}
}

static void live_one_generation(char **argv, struct results *results)
{
	struct peer peers[VARIANTS];

	for (unsigned i = 0; i < VARIANTS; i++) {
		const struct variant *v = &variants[i];
		char *args[] = { argv[v->program], (char *)v->args[0], (char *)v->args[1],
			NULL };

		peers[i] = peer_start(v->name, args, v->preload ? argv[v->preload] : NULL);
	}
	for (unsigned i = 0; i < TURNS; i++)
		take_turn(peers, results);
	for (unsigned i = 0; i < VARIANTS; i++)
		peer_stop(&peers[i]);
}

static void print_variants(const char *what, const struct samples *samples)
{
	table_head(what, "under an empty preload");
	for (unsigned i = 0; i < VARIANTS; i++)
		table_line(&samples[i], &samples[variants[i].reference]);
}

/* The difference to the reference, as the table of goals tells it. */
static void print_goal(const char *name, const struct samples *samples, unsigned variant)
{
	const struct samples *s = &samples[variant];
	const struct samples *reference = &samples[variants[variant].reference];
	struct estimate more = samples_difference(s, reference);

	printf("Goal: fork() within 2 µs of a bare fork(): %s | "
	       "%+.2f µs (%+.2f to %+.2f); of the minima %+.2f µs\n",
		name, more.median, more.low, more.high,
		samples_summary(s).min - samples_summary(reference).min);
}

static void print_results(const struct results *results)
{
	printf("## fork() of a small process\n\n");
	printf("%u forks of each, in turns of %u; after %u turns new processes.\n",
		results->call[BARE].count, CYCLES, TURNS);
	print_variants("fork() in the parent, µs", results->call);
	print_variants("fork(), _exit(), waitpid(), µs", results->whole);
	table_head("fork() in one process with fondue, µs", "_Fork() around the hook");
	for (unsigned i = 0; i < DOOR_COUNT; i++)
		table_line(&results->door_call[i], &results->door_call[DOOR_FORK_RAW_LIBC]);
	printf("\n");
	print_goal("nothing annotated", results->call, UNUSED);
	print_goal("one shared page", results->call, ONE_PAGE);
	print_goal("one shared page, two threads", results->call, THREAD);
}

int main(int argc, char **argv)
{
	static struct results results;

	if (argc != 6)
		return EXIT_FAILURE;
	for (unsigned i = 0; i < VARIANTS; i++)
		results.call[i] = results.whole[i] = (struct samples){
			.name = variants[i].name,
			.per_round = TURNS * CYCLES,
		};
	for (unsigned i = 0; i < DOOR_COUNT; i++)
		results.door_call[i] = results.door_whole[i] = (struct samples){
			.name = door_names[i],
			.per_round = TURNS * CYCLES,
		};
	stay_on_this_processor();
	for (unsigned i = rounds(GENERATIONS); i > 0; i--)
		live_one_generation(argv, &results);
	print_results(&results);
	return EXIT_SUCCESS;
}
