/* SPDX-License-Identifier: MIT */
/*
 * bench-access.c - what it costs to use a variable that is shared
 *
 * Nothing, it is claimed: the compiler sees an ordinary variable at a fixed address, and
 * fondue puts other pages under that address without moving it. tests/bench/run compares
 * the machine code of the functions count_*, add_* and walk_*, which differ in nothing
 * but the variable; here they are timed, in one process, in turns. The peer is an arena:
 * one pointer to a MAP_SHARED mapping, as in a program that was rewritten to share. What
 * is timed:
 *
 *  - count: x++, a million times, each on the last one's heels: arithmetic and caches;
 *  - add: the same as an atomic addition, as processes that really share must do it;
 *  - touch: the first write to each of 4096 pages, a fault for each. Here shared memory
 *    does differ: its pages belong to a file without a name, and the kernel does more;
 *  - walk: one x++ in each of 4096 pages, in a scattered order: the TLB and page tables.
 *    Which physical pages it got decides how well a walk fits into the caches; so they
 *    are given back, and others got, before each one.
 *
 * Usage: bench-access LIBFONDUE
 */
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fondue/shared.h>

#include "launch.h"
#include "table.h"

#define TURNS 300
#define COUNT 1000000u
#define PAGES 4096u
#define LINES (4096 / sizeof(struct line))
/* Odd, so that its multiples visit every page; large, so that no prefetcher follows. */
#define STRIDE 1597u

/* A cache line. */
struct line {
	long x;
	char rest[56];
};

struct memory {
	struct line counter;
	struct line table[PAGES * LINES];
};

static struct memory private_memory;
FONDUE_SHARED_ZERO static struct memory shared_memory;
static struct memory *arena;

#define TIMED __attribute__((noinline, aligned(64))) static void
/* The compiler may assume nothing about memory from here on, nor merge two additions. */
#define FORGET() __asm__ volatile("" ::: "memory")

/*
 * A line at random (Fibonacci hashing) in each page: were it the same one, or went by the
 * number of the page, few sets of the cache would have to hold them all.
 */
#define LINE_OF(page) ((page) * LINES + (uint32_t)((page) * 2654435769u) / (1u << 26))

#define FUNCTIONS(kind, memory)                                                       \
	TIMED count_##kind(void)                                                      \
	{                                                                             \
		for (unsigned i = 0; i < COUNT; i++) {                                \
			(memory).counter.x++;                                         \
			FORGET();                                                     \
		}                                                                     \
	}                                                                             \
	TIMED add_##kind(void)                                                        \
	{                                                                             \
		for (unsigned i = 0; i < COUNT; i++)                                  \
			__atomic_add_fetch(&(memory).counter.x, 1, __ATOMIC_RELAXED); \
	}                                                                             \
	TIMED walk_##kind(void)                                                       \
	{                                                                             \
		for (unsigned i = 0; i < PAGES; i++) {                                \
			unsigned page = i * STRIDE % PAGES;                           \
                                                                                      \
			(memory).table[LINE_OF(page)].x++;                            \
			FORGET();                                                     \
		}                                                                     \
	}

FUNCTIONS(private, private_memory)
FUNCTIONS(shared, shared_memory)
FUNCTIONS(arena, *arena)

/* In each benchmark the three of a kind lie together, the private first. */
enum { PRIVATE, SHARED, ARENA, KINDS };

static const struct bench {
	const char *name;
	void (*run[KINDS])(void);
	double operations;
	bool fresh_pages; /* drop the table's pages before each run */
	bool warm;	  /* run once before the clock starts */
} benches[] = {
	{ "count", { count_private, count_shared, count_arena }, COUNT, false, true },
	{ "add", { add_private, add_shared, add_arena }, COUNT, false, true },
	{ "touch", { walk_private, walk_shared, walk_arena }, PAGES, true, false },
	{ "walk", { walk_private, walk_shared, walk_arena }, PAGES, true, true },
};

#define BENCHES (sizeof(benches) / sizeof(benches[0]))

static const char *const kind_names[KINDS] = {
	[PRIVATE] = "private global",
	[SHARED] = "shared global",
	[ARENA] = "arena, by pointer",
};

/* Give the pages back to the kernel, so that the next access to each is the first one. */
static void drop_pages(unsigned kind)
{
	struct memory *const memories[KINDS] = { &private_memory, &shared_memory, arena };
	size_t page = sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)memories[kind]->table;
	uintptr_t end = start + sizeof(arena->table);

	start = (start + page - 1) & -page;
	end &= -page;
	if (madvise((void *)start, end - start, kind == PRIVATE ? MADV_DONTNEED : MADV_REMOVE))
		bench_fail("madvise");
}

/* Nanoseconds for each operation. */
static double time_one(const struct bench *bench, unsigned kind)
{
	double start;

	if (bench->fresh_pages)
		drop_pages(kind);
	if (bench->warm)
		bench->run[kind]();
	start = now_us();
	bench->run[kind]();
	return (now_us() - start) * 1e3 / bench->operations;
}

static void measure(const struct bench *bench, struct samples *samples)
{
	for (unsigned i = rounds(TURNS); i > 0; i--) {
		unsigned order[KINDS];

		shuffle(order, KINDS);
		for (unsigned j = 0; j < KINDS; j++)
			samples_add(&samples[order[j]], time_one(bench, order[j]));
	}
}

static void print_lines(const struct bench *bench, const struct samples *samples)
{
	struct summary base = samples_summary(&samples[PRIVATE]);

	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct summary s = samples_summary(&samples[kind]);

		printf("| %s | %s | %.3f | %.3f | %.3f | %.3f |\n", bench->name,
			kind_names[kind], s.median, s.min, s.median / base.median,
			s.min / base.min);
	}
}

static int measure_all(void)
{
	struct summary private, shared;

	printf("## Access\n\n");
	printf("| what | where | median, ns | minimum, ns | by private: median | minimum |\n"
	       "|---|---|--:|--:|--:|--:|\n");
	for (unsigned i = 0; i < BENCHES; i++) {
		struct samples samples[KINDS] = { 0 };

		measure(&benches[i], samples);
		print_lines(&benches[i], samples);
		if (i > 0)
			continue;
		private = samples_summary(&samples[PRIVATE]);
		shared = samples_summary(&samples[SHARED]);
	}
	printf("\nGoal: x++ on a shared global takes as long as on a private one | "
	       "%.3f times as long; of the minima %.3f\n",
		shared.median / private.median, shared.min / private.min);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 2) { /* once more, with the runtime */
		char *args[] = { argv[0], NULL };

		execve("/proc/self/exe", args, preloading(argv[1]));
		bench_fail("/proc/self/exe");
	}
	if (!fondue_active())
		bench_give_up("the runtime has not shared the memory");
	arena = mmap(NULL, sizeof(*arena), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	if (arena == MAP_FAILED)
		bench_fail("mmap");
	stay_on_this_processor();
	return measure_all();
}
