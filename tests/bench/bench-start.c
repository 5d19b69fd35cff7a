/* SPDX-License-Identifier: MIT */
/*
 * bench-start.c - what the preload adds to the life of a short program
 *
 * A preload is in the environment, and so in every program that the host's shell scripts
 * start. Measured is a whole life, from posix_spawn() to the end of waitpid(), of a
 * program that does nothing: all of the loader's work, of the runtime's constructor, and
 * of the kernel's to take down what both have mapped. The peer is an empty preload, since
 * finding, mapping and linking one more file is the loader's price and not fondue's. A
 * program with nothing annotated must hardly notice; those that share are there to see
 * what they pay, down to a gigabyte of zeros which must cost neither time nor memory. With
 * locks it is libunwind that is loaded, for reports that may have to be made; not where
 * FONDUE_HOLD_MS=0 says that there will be none.
 *
 * Usage: bench-start LIBFONDUE EMPTY SUBJECT SUBJECT_PAGE SUBJECT_ZERO SUBJECT_LOCKS
 */
#include "launch.h"
#include "table.h"

#define TURNS	     4000
#define MEMORY_TURNS 100

enum { PLAIN, EMPTY, UNUSED, PAGE_EMPTY, PAGE, ZERO_EMPTY, ZERO, LOCKS, LOCKS_QUIET, VARIANTS };

static const struct variant {
	const char *name;
	unsigned preload, program; /* indices into argv; preload 0: none */
	unsigned reference;	   /* the variant that it is compared with */
} variants[VARIANTS] = {
	[PLAIN] = { "nothing annotated, no preload", 0, 3, EMPTY },
	[EMPTY] = { "nothing annotated, empty preload", 2, 3, EMPTY },
	[UNUSED] = { "nothing annotated, fondue", 1, 3, EMPTY },
	[PAGE_EMPTY] = { "one page shared, empty preload", 2, 4, PAGE_EMPTY },
	[PAGE] = { "one page shared, fondue", 1, 4, PAGE_EMPTY },
	[ZERO_EMPTY] = { "1 GiB of zeros shared, empty preload", 2, 5, ZERO_EMPTY },
	[ZERO] = { "1 GiB of zeros shared, fondue", 1, 5, ZERO_EMPTY },
	[LOCKS] = { "one page with a lock, fondue", 1, 6, PAGE },
	[LOCKS_QUIET] = { "one page with a lock, fondue, FONDUE_HOLD_MS=0", 1, 6, PAGE },
};

static char **environments[VARIANTS];

static double live(char **argv, unsigned i)
{
	char *args[] = { argv[variants[i].program], NULL };
	double start = now_us();

	finish(spawn(args, environments[i], NULL), variants[i].name);
	return now_us() - start;
}

/* Memory in use in main(), as the program itself reads it from /proc. */
static double resident_kib(char **argv, unsigned i)
{
	char *args[] = { argv[variants[i].program], "resident", NULL };
	posix_spawn_file_actions_t actions;
	char text[32] = "";
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		bench_fail("pipe2");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	pid = spawn(args, environments[i], &actions);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (read(fds[0], text, sizeof(text) - 1) <= 0)
		bench_give_up(variants[i].name);
	close(fds[0]);
	finish(pid, variants[i].name);
	return strtod(text, NULL);
}

/* Neighbouring pages of a file come along with one that is touched, now more, now fewer. */
static void print_memory(char **argv)
{
	struct samples kib[VARIANTS] = { 0 };
	struct estimate zero, unused;

	for (unsigned turn = rounds(MEMORY_TURNS); turn > 0; turn--)
		for (unsigned i = 0; i < VARIANTS; i++)
			samples_add(&kib[i], resident_kib(argv, i));
	printf("\n| resident in main() | median, KiB |\n|---|--:|\n");
	for (unsigned i = 0; i < VARIANTS; i++)
		printf("| %s | %.0f |\n", variants[i].name, samples_summary(&kib[i]).median);
	zero = samples_difference(&kib[ZERO], &kib[ZERO_EMPTY]);
	unused = samples_difference(&kib[UNUSED], &kib[EMPTY]);
	printf("\nGoal: 1 GiB of untouched FONDUE_SHARED_ZERO costs no memory | "
	       "%+.0f KiB resident, %+.0f KiB with nothing annotated\n",
		zero.median, unused.median);
}

static void print_results(char **argv, const struct samples *samples)
{
	struct estimate more = samples_difference(&samples[UNUSED], &samples[EMPTY]);
	double least = samples_summary(&samples[UNUSED]).min -
		       samples_summary(&samples[EMPTY]).min;

	printf("## The life of a short program\n\n%u lives of each, in turns of one.\n",
		samples[PLAIN].count);
	table_head("posix_spawn() to waitpid(), µs", "with the empty preload");
	for (unsigned i = 0; i < VARIANTS; i++)
		table_line(&samples[i], &samples[variants[i].reference]);
	printf("\nGoal: a program with nothing annotated: under 20 µs of its life more than "
	       "with an empty preload | %+.1f µs (%+.1f to %+.1f); of the minima %+.1f µs\n",
		more.median, more.low, more.high, least);
	print_memory(argv);
}

int main(int argc, char **argv)
{
	static struct samples samples[VARIANTS];

	if (argc != 7)
		return EXIT_FAILURE;
	for (unsigned i = 0; i < VARIANTS; i++) {
		samples[i].name = variants[i].name;
		environments[i] = preloading_with(
			variants[i].preload ? argv[variants[i].preload] : NULL,
			i == LOCKS_QUIET ? "FONDUE_HOLD_MS=0" : NULL);
	}
	stay_on_this_processor();
	for (unsigned turn = rounds(TURNS); turn > 0; turn--) {
		unsigned order[VARIANTS];

		shuffle(order, VARIANTS);
		for (unsigned i = 0; i < VARIANTS; i++)
			samples_add(&samples[order[i]], live(argv, order[i]));
	}
	print_results(argv, samples);
	return EXIT_SUCCESS;
}
