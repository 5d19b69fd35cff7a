/* SPDX-License-Identifier: MIT */
/*
 * bench-remap.c - how long sharing takes at the start of a program
 *
 * The runtime does its work before the program's first constructor, where no benchmark of
 * the program's can see it. So the program reads the clock in its first constructor and
 * hands the reading over; the benchmark took the same clock before posix_spawn(). The
 * difference to an empty preload is all that fondue adds up to there. The whole life is
 * told besides: pages that the start left untouched may be paid for later, and what was
 * mapped is unmapped at the end.
 *
 * The other peer shares its variables by hand, in that constructor: mmap(), memcpy() of
 * everything, mremap(). It needs no proof that it may, looks at no page's state, and so is
 * what a small section is to be compared with; but it touches all pages of a large one.
 *
 * Usage: bench-remap LIBFONDUE EMPTY SUBJECT_PAGE SUBJECT_MIB SUBJECT_LARGE SUBJECT_ZERO
 */
#include "peer.h"
#include "table.h"

enum { EMPTY, BY_HAND, FONDUE, VARIANTS };

static const struct variant {
	const char *name;
	unsigned preload; /* index into argv */
	const char *how;  /* argument of the subject */
} variants[VARIANTS] = {
	[EMPTY] = { "empty preload, private", 2, NULL },
	[BY_HAND] = { "empty preload, shared by hand", 2, "by-hand" },
	[FONDUE] = { "fondue", 1, NULL },
};

static const struct size {
	const char *name;
	unsigned program; /* index into argv */
	unsigned turns;
} sizes[] = {
	{ "one page of data", 3, 1000 },
	{ "1 MiB of data", 4, 400 },
	{ "64 MiB of data", 5, 20 },
	{ "1 GiB of zeros, untouched", 6, 10 },
};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void live(char **argv, const struct size *size, const struct variant *variant,
	struct samples *start, struct samples *whole)
{
	char **env = preloading(argv[variant->preload]), fd[16];
	char *args[] = { argv[size->program], fd, (char *)variant->how, NULL };
	struct timespec first;
	int fds[2];
	double before;
	pid_t pid;

	if (pipe(fds) != 0)
		bench_fail("pipe");
	snprintf(fd, sizeof(fd), "%d", fds[1]);
	before = now_us();
	pid = spawn(args, env, NULL);
	finish(pid, size->name);
	samples_add(whole, now_us() - before);
	if (!receive(fds[0], &first, sizeof(first)))
		bench_give_up(size->name);
	samples_add(start, first.tv_sec * 1e6 + first.tv_nsec / 1e3 - before);
	close(fds[0]);
	close(fds[1]);
	free(env);
}

static void measure(char **argv, const struct size *size)
{
	struct samples start[VARIANTS] = { 0 }, whole[VARIANTS] = { 0 };

	for (unsigned i = 0; i < VARIANTS; i++)
		start[i].name = whole[i].name = variants[i].name;
	for (unsigned turn = rounds(size->turns); turn > 0; turn--) {
		unsigned order[VARIANTS];

		shuffle(order, VARIANTS);
		for (unsigned i = 0; i < VARIANTS; i++)
			live(argv, size, &variants[order[i]], &start[order[i]],
				&whole[order[i]]);
	}
	printf("\n### %s\n\n%u lives of each, in turns of one.\n", size->name, start->count);
	table_head("posix_spawn() to the first constructor, µs", "private");
	for (unsigned i = 0; i < VARIANTS; i++)
		table_line(&start[i], &start[EMPTY]);
	table_head("posix_spawn() to waitpid(), µs", "private");
	for (unsigned i = 0; i < VARIANTS; i++)
		table_line(&whole[i], &whole[EMPTY]);
}

int main(int argc, char **argv)
{
	if (argc != 7)
		return EXIT_FAILURE;
	stay_on_this_processor();
	printf("## Sharing at the start of a program\n");
	for (unsigned i = 0; i < SIZES; i++)
		measure(argv, &sizes[i]);
	return EXIT_SUCCESS;
}
