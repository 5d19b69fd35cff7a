/* SPDX-License-Identifier: MIT */
/*
 * bench-heap-large.c - blocks of 64 KiB and more, and what a page costs
 *
 * With large blocks it is not the heap that counts but the pages: whether the kernel has to
 * make them each time. So each block is written to, one byte a page. Then a page alone:
 * when nobody has touched it before, and when a child touches what its parent has; a page
 * that is shared costs a child a fault, one that is private a copy.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "bench-heap.h"

#define PAGE 4096

#define TURNS_LARGE 15
#define TURNS_TOUCH 9
#define TOUCHED	    (16UL << 20)

static const struct {
	const char *name;
	size_t size;
	unsigned count; /* in a measurement */
} sizes[] = {
	{ "64 KiB", 64UL << 10, 200 },
	{ "1 MiB", 1UL << 20, 20 },
	{ "16 MiB", 16UL << 20, 2 },
	{ "64 MiB", 64UL << 20, 1 },
};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void write_pages(char *block, size_t size)
{
	for (size_t i = 0; i < size; i += PAGE)
		*(volatile char *)(block + i) = 1;
}

static void read_pages(const char *block, size_t size)
{
	for (size_t i = 0; i < size; i += PAGE)
		(void)*(const volatile char *)(block + i);
}

/* us a block; NAN: it cannot. */
static double time_large(const struct contestant *c, unsigned size)
{
	double start = now_us();

	for (unsigned i = 0; i < sizes[size].count; i++) {
		char *block = c->alloc(sizes[size].size);

		if (!block)
			return NAN;
		write_pages(block, sizes[size].size);
		c->free(block);
	}
	return (now_us() - start) / sizes[size].count;
}

static void print_large(struct samples samples[SIZES][CONTESTANTS_MAX])
{
	printf("\n### Large blocks, every page written to\n\n| µs |");
	for (unsigned s = 0; s < SIZES; s++)
		printf(" %s: median | minimum | fondue, by it |", sizes[s].name);
	printf("\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
	for (unsigned i = 0; i < contestant_count; i++) {
		if (!is_there[i])
			continue;
		printf("| %s |", contestants[i].name);
		for (unsigned s = 0; s < SIZES; s++) {
			struct summary sum;

			if (!samples[s][i].count) {
				printf(" cannot | | |");
				continue;
			}
			sum = samples_summary(&samples[s][i]);
			printf(" %.1f | %.1f | %.2g |", sum.median, sum.min,
				samples_ratio(&samples[s][0], &samples[s][i]).median);
		}
		printf("\n");
	}
}

void measure_large(void)
{
	static struct samples samples[SIZES][CONTESTANTS_MAX];

	processor_use(0);
	for (unsigned turn = rounds(TURNS_LARGE); turn > 0; turn--)
		for (unsigned s = 0; s < SIZES; s++) {
			unsigned order[CONTESTANTS_MAX];

			shuffle(order, contestant_count);
			for (unsigned i = 0; i < contestant_count; i++) {
				double us = is_there[order[i]] ?
						    time_large(&contestants[order[i]], s) :
						    NAN;

				if (!isnan(us))
					samples_add(&samples[s][order[i]], us);
			}
		}
	print_large(samples);
	printf("\nGoal: blocks of 1 to 64 MiB: at most 1.0 × glibc | ");
	for (unsigned s = 1; s < SIZES; s++)
		printf("%s%s: %.2f ×", s > 1 ? "; " : "", sizes[s].name,
			samples_ratio(&samples[s][0], &samples[s][1]).median);
	printf("\n");
	processors_use_all();
}

enum { FIRST, CHILD_WRITES, CHILD_READS, CHILD_POPULATES, TOUCHES };

static const char *const touches[TOUCHES] = {
	[FIRST] = "first touch",
	[CHILD_WRITES] = "a child writes",
	[CHILD_READS] = "a child reads",
	[CHILD_POPULATES] = "a child calls MADV_POPULATE_READ, then writes",
};

/* In a child: what it takes for each page is stored in @ret_ns. */
static void touch_in_child(char *block, unsigned how, double *ret_ns)
{
	pid_t pid = child_start();

	if (!pid) {
		double start = now_us();

		if (how == CHILD_READS)
			read_pages(block, TOUCHED);
		if (how == CHILD_POPULATES)
			(void)madvise(block, TOUCHED, MADV_POPULATE_READ);
		if (how != CHILD_READS)
			write_pages(block, TOUCHED);
		*ret_ns = (now_us() - start) * 1e3 / (TOUCHED / PAGE);
		_exit(EXIT_SUCCESS);
	}
	if (child_wait(pid) != 0)
		bench_give_up("a child that touches memory");
}

/*
 * First touch: of memory that has been given back to the kernel. What malloc() maps for a large
 * block begins 16 bytes into a page; so this begins with the next one.
 */
static void touch(const struct contestant *c, struct samples samples[TOUCHES], double *ret_ns)
{
	char *block = c->alloc(TOUCHED + 2 * PAGE), *start;

	if (!block)
		bench_give_up("no memory to touch");
	start = block + (-(uintptr_t)block & (PAGE - 1));
	if (madvise(start, TOUCHED, c->kind == HEAP_SHARED ? MADV_REMOVE : MADV_DONTNEED) != 0)
		bench_fail("madvise");
	*ret_ns = now_us();
	write_pages(start, TOUCHED);
	samples_add(&samples[FIRST], (now_us() - *ret_ns) * 1e3 / (TOUCHED / PAGE));
	for (unsigned how = CHILD_WRITES; how < TOUCHES; how++) {
		touch_in_child(start, how, ret_ns);
		samples_add(&samples[how], *ret_ns);
	}
	c->free(block);
}

void measure_touch(void)
{
	static struct samples samples[2][TOUCHES];
	const char *names[] = { CONTESTANT_OURS, CONTESTANT_GLIBC };
	double *ns = shared_memory(sizeof(*ns));

	processor_use(0);
	for (unsigned turn = rounds(TURNS_TOUCH); turn > 0; turn--)
		for (unsigned i = 0; i < 2; i++)
			touch(&contestants[contestant_named(names[i])], samples[i], ns);
	processors_use_all();
	printf("\n### Pages of 4 KiB, %lu MiB in a row\n\n"
	       "| ns a page | fondue: median | minimum | glibc: median | minimum |\n"
	       "|---|--:|--:|--:|--:|\n", TOUCHED >> 20);
	for (unsigned how = 0; how < TOUCHES; how++) {
		struct summary a = samples_summary(&samples[0][how]),
			       b = samples_summary(&samples[1][how]);

		printf("| %s | %.0f | %.0f | %.0f | %.0f |\n", touches[how], a.median, a.min,
			b.median, b.min);
	}
	printf("\nGoal: a child touches a page of the heap: at most 600 ns, if it has asked "
	       "for it | %.0f ns; of the minima %.0f ns\n",
		samples_summary(&samples[0][CHILD_POPULATES]).median,
		samples_summary(&samples[0][CHILD_POPULATES]).min);
}
