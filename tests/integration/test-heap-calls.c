/* SPDX-License-Identifier: MIT */
/*
 * Description: the calls of the heap, in one process
 *
 * What they return, what they do to errno, and that whatever makes no sense is refused,
 * counted, and changes nothing.
 */
#include "heaping.h"

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Every size that a class serves, and some beyond; all alive at once in handfuls. */
static int play_sizes(void)
{
	enum { LIVE = 61 };
	struct { char *at; size_t size; } live[LIVE] = { { 0 } };

	for (size_t size = 0; size < 70000 + LIVE; size++) {
		unsigned i = size % LIVE;
		size_t used = max_size(live[i].size, 16);

		must(!live[i].at || is_stamped(live[i].at, used, used ^ i));
		fondue_free(live[i].at);
		live[i].at = size < 70000 ? fondue_malloc(size) : NULL;
		live[i].size = size;
		if (!live[i].at)
			continue;
		used = max_size(size, 16);
		must(is_aligned_to(live[i].at, 16));
		must(fondue_malloc_usable_size(live[i].at) >= used);
		stamp(live[i].at, used, used ^ i);
	}
	must(is_whole() && figures().blocks == 0 && figures().bytes == 0);
	return CHILD_GOOD;
}

/* Beyond 128 bytes not more than a fifth is wasted, and of large ones less than a unit. */
static int play_waste(void)
{
	for (size_t size = 129; size <= 200000; size += 1 + size / 500) {
		void *block = fondue_malloc(size);
		size_t usable = fondue_malloc_usable_size(block);

		must(block && usable >= size);
		must(size > 32 * KIB ? usable - size < 64 * KIB : (usable - size) * 5 <= usable);
		fondue_free(block);
	}
	return CHILD_GOOD;
}

/* Dirty what there is, in all sizes, so that it comes back from everywhere. */
static int play_zero(void)
{
	static const size_t sizes[] = { 1, 16, 100, 1000, 5000, 32 * KIB, 32 * KIB + 1, 64 * KIB,
		300 * KIB, 3 * MIB, 80 * MIB };
	void *blocks[8];

	for (unsigned round = 0; round < 4; round++)
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			unsigned count = sizes[i] > MIB ? 1 : 8;

			for (unsigned j = 0; j < count; j++) {
				must((blocks[j] = fondue_calloc(1 + j % 2, sizes[i] / (1 + j % 2))));
				must(is_all(blocks[j], 0, sizes[i] / (1 + j % 2) * (1 + j % 2)));
				memset(blocks[j], 0xa5, fondue_malloc_usable_size(blocks[j]));
			}
			while (count)
				fondue_free(blocks[--count]);
		}
	must(fondue_calloc(0, 0) && fondue_calloc(0, 7) && fondue_calloc(7, 0));
	return CHILD_GOOD;
}

static int play_too_much(void)
{
	static const size_t sizes[] = { PTRDIFF_MAX, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 65534,
		SIZE_MAX - 65535, SIZE_MAX / 2, 1UL << 46 };
	char *kept = fondue_malloc(100);

	must(kept);
	strcpy(kept, "kept");
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		errno = 0;
		must(!fondue_malloc(sizes[i]) && errno == ENOMEM);
		errno = 0;
		must(!fondue_calloc(1, sizes[i]) && errno == ENOMEM);
		errno = 0;
		must(!fondue_realloc(kept, sizes[i]) && errno == ENOMEM && !strcmp(kept, "kept"));
		for (size_t alignment = 1; alignment; alignment <<= 1) {
			errno = 0;
			must(!fondue_aligned_alloc(alignment, sizes[i]) && errno == ENOMEM);
		}
	}
	errno = 0;
	must(!fondue_calloc(SIZE_MAX / 2, 3) && errno == ENOMEM);
	errno = 0;
	must(!fondue_calloc(1UL << 32, 1UL << 32) && errno == ENOMEM);
	errno = 0;
	must(!fondue_aligned_alloc(1UL << 63, 1) && errno == ENOMEM);
	fondue_free(kept);
	must(is_whole() && figures().blocks == 0);
	return CHILD_GOOD;
}

static int play_aligned(void)
{
	static const size_t sizes[] = { 0, 1, 16, 100, 129, 4095, 4097, 20000, 32769, 65536, 200000 };
	uint64_t refused = figures().refused;

	for (size_t alignment = 1; alignment <= 4 * MIB; alignment <<= 1)
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			void *blocks[3];

			for (unsigned j = 0; j < 3; j++) {
				must((blocks[j] = fondue_aligned_alloc(alignment, sizes[i])));
				must(is_aligned_to(blocks[j], alignment));
				must(is_aligned_to(blocks[j], 16));
				must(fondue_malloc_usable_size(blocks[j]) >= sizes[i]);
				stamp(blocks[j], max_size(sizes[i], 16), alignment ^ j);
			}
			for (unsigned j = 0; j < 3; j++) {
				must(is_stamped(blocks[j], max_size(sizes[i], 16), alignment ^ j));
				if (j == 1)
					fondue_free_sized(blocks[j], sizes[i]);
				else
					fondue_free(blocks[j]);
			}
		}
	must(figures().refused == refused && figures().blocks == 0 && is_whole());
	for (size_t alignment = 3; alignment < 100; alignment += 2) {
		errno = 0;
		must(!fondue_aligned_alloc(alignment, 64) && errno == EINVAL);
	}
	must(!fondue_aligned_alloc(0, 64) && errno == EINVAL);
	return CHILD_GOOD;
}

static int play_realloc(void)
{
	static const size_t sizes[] = { 1, 16, 17, 400, 1 * KIB, 1025, 32 * KIB, 32769, 65536, 65537,
		1 * MIB, 5 * MIB, 100, 33000, 20, 0 };
	unsigned char *block = fondue_realloc(NULL, 1);
	uint64_t refused = figures().refused;
	size_t before = 1;

	must(block);
	*block = 0x5a;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t kept = before < sizes[i] ? before : sizes[i];

		must((block = fondue_realloc(block, sizes[i])));
		must(is_all(block, 0x5a, kept) && fondue_malloc_usable_size(block) >= sizes[i]);
		memset(block, 0x5a, sizes[i]);
		before = sizes[i];
	}
	must(figures().blocks == 1 && figures().refused == refused);
	fondue_free(block);
	must(figures().blocks == 0 && is_whole());
	return CHILD_GOOD;
}

/* The size that it has now is the size that it is to be freed with. */
static int play_sized(void)
{
	uint64_t refused = figures().refused;

	for (size_t size = 0; size < 100000; size += 1 + size / 50) {
		void *block = fondue_malloc(size);

		must(block);
		fondue_free_sized(block, size);
		block = fondue_realloc(fondue_malloc(size), size + 40);
		must(block);
		fondue_free_sized(block, size + 40);
	}
	must(figures().refused == refused && figures().blocks == 0);
	return CHILD_GOOD;
}

/* By the sizes that take each of the ways. */
static int play_errno(void)
{
	static void *blocks[3000];

	errno = 12345;
	for (size_t size = 8; size < 300000; size *= 5) {
		unsigned count = size > KIB ? 40 : 3000;

		for (unsigned i = 0; i < count; i++)
			must((blocks[i] = fondue_malloc(size)) && errno == 12345);
		for (unsigned i = 0; i < count; i++) {
			blocks[i] = fondue_realloc(blocks[i], size + size / 2);
			must(blocks[i] && errno == 12345);
		}
		for (unsigned i = 0; i < count; i++) {
			fondue_free(blocks[i]);
			must(errno == 12345);
		}
		must(fondue_malloc_usable_size(blocks[0]) < 1UL << 40 && errno == 12345);
	}
	fondue_free(blocks[0]);
	fondue_free(&errno);
	must(errno == 12345);
	must(fondue_heap_check(NULL, NULL) == 0 && fondue_heap_reclaim(0) == 0 && errno == 12345);
	return CHILD_GOOD;
}

/* Return: was exactly this refused, and has nothing else happened? */
static bool is_refused(void *block, size_t size, bool sized)
{
	struct fondue_heap_figures before = figures(), after;

	if (sized)
		fondue_free_sized(block, size);
	else
		fondue_free(block);
	after = figures();
	return after.refused == before.refused + 1 && after.blocks == before.blocks &&
	       after.bytes == before.bytes && after.used == before.used &&
	       after.idle == before.idle && after.lost_blocks == before.lost_blocks &&
	       fondue_heap_check(NULL, NULL) == 0;
}

static int play_refused(void)
{
	static const size_t sizes[] = { 16, 48, 100, 5000, 32 * KIB, 40000, 64 * KIB, 300 * KIB };
	static char pages[256], *volatile global = pages; /* or the compiler warns of it */
	char *private = malloc(5000);

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *block = fondue_malloc(sizes[i]), *other = fondue_malloc(sizes[i]);

		must(block && other);
		for (size_t at = 1; at < sizes[i]; at += 1 + at)
			must(is_refused(block + at, 0, false));
		must(is_refused(block + sizes[i] - 1, 0, false));
		must(is_refused(block, sizes[i] * 2 + 1, true));
		must(is_refused(block, SIZE_MAX, true));
		fondue_free(block);
		must(is_refused(block, 0, false));
		must(is_refused(block, sizes[i], true));
		must(is_refused(block, 0, false));
		fondue_free(other);
	}
	must(is_refused(global, 0, false) && is_refused(private, 0, false));
	must(is_refused((void *)(uintptr_t)&private, 0, false));
	must(is_refused((void *)8, 0, false) && is_refused((void *)-16, 0, false));
	must(is_refused((void *)play_refused, 0, false));
	fondue_free(NULL);
	fondue_free_sized(NULL, 5);
	must(is_whole());
	free(private);
	return CHILD_GOOD;
}

/* All around what the heap has: its own data before the blocks, and units never used. */
static int play_refused_around(void)
{
	char *block = fondue_malloc(64 * KIB), *at;

	must(block);
	for (size_t away = 16; away < 1UL << 42; away = away * 3 / 2) {
		at = block + away;
		must(is_refused((void *)((uintptr_t)at & ~15UL), 0, false));
		at = block - away;
		must(is_refused((void *)((uintptr_t)at & ~15UL), 0, false));
	}
	fondue_free(block);
	must(is_whole());
	return CHILD_GOOD;
}

/* What is no block is not made larger, either. */
static int play_realloc_refused(void)
{
	static const size_t sizes[] = { 100, 5000, 100000, 300000 };
	static char pages[256], *volatile global = pages;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *block = fondue_malloc(sizes[i]);
		uint64_t refused = figures().refused;

		must(block);
		errno = 0;
		must(!fondue_realloc(block + 16, sizes[i]) && errno);
		must(!fondue_realloc(block + 16, sizes[i] * 3));
		must(figures().refused == refused + 2 && figures().blocks == 1);
		fondue_free(block);
		must(!fondue_realloc(block, sizes[i]) && !fondue_realloc(block, 3 * sizes[i]));
		must(figures().refused == refused + 4 && figures().blocks == 0);
		must(!fondue_realloc(global, sizes[i]));
		must(figures().refused == refused + 5 && figures().blocks == 0);
	}
	must(is_whole());
	return CHILD_GOOD;
}

static int play_limit(void)
{
	static void *blocks[1 << 16];
	uint64_t limit = figures().used + 8 * MIB;
	unsigned count = 0;

	must(fondue_heap_set_limit(limit) == 0 && figures().limit == limit);
	errno = 0;
	must(!fondue_malloc(9 * MIB) && errno == ENOMEM);
	while (count < 1 << 16 && (blocks[count] = fondue_malloc(1000)))
		count++;
	must(errno == ENOMEM && count > 7000 && count < 9000);
	must(figures().used <= limit);
	errno = 0;
	must(!fondue_malloc(100000) && errno == ENOMEM);
	must(!fondue_realloc(blocks[0], 100000) && fondue_malloc_usable_size(blocks[0]) >= 1000);
	must(fondue_heap_set_limit(0) == 0);
	must((blocks[count] = fondue_malloc(1000)));
	for (unsigned i = 0; i <= count; i++)
		fondue_free(blocks[i]);
	must(is_whole() && figures().blocks == 0);
	return CHILD_GOOD;
}

static int play_figures(void)
{
	struct fondue_heap_figures stats = figures(), small = { .size = 3 * sizeof(uint64_t) };
	uint64_t before = stats.allocations;
	void *one, *large;

	must(stats.size == sizeof(stats) && stats.reserved >= 16 * MIB);
	must(stats.blocks == 0 && stats.bytes == 0 && stats.lost_blocks == 0);
	small.limit = 42;
	must(fondue_heap_stats(&small) == 0 && small.size == 3 * sizeof(uint64_t));
	must(small.reserved == stats.reserved && small.limit == 42);
	for (unsigned i = 0; i < 10000; i++)
		fondue_free(fondue_malloc(i));
	must(figures().allocations == before + 10000);
	must((one = fondue_malloc(100)) && (large = fondue_malloc(100000)));
	stats = figures();
	must(stats.blocks == 2 && stats.bytes == fondue_malloc_usable_size(one) +
							  fondue_malloc_usable_size(large));
	must(stats.allocations == before + 10002 && stats.dead_blocks == 0);
	fondue_free(one);
	fondue_free(large);
	must(figures().blocks == 0 && figures().bytes == 0);
	return CHILD_GOOD;
}

static int play_string(void)
{
	char *copy = fondue_strdup("a string"), *empty = fondue_strdup("");

	must(copy && !strcmp(copy, "a string") && empty && !*empty);
	fondue_free(copy);
	fondue_free(empty);
	return CHILD_GOOD;
}

/* What is freed goes back to the kernel, sooner or later, and comes back as zero. */
static int play_memory(void)
{
	/* of 64 MiB a tenth a second, the last 10 of them by 1 MiB: 24 s */
	uint64_t end = clock_ns() + 45000000000ULL;
	void *block = fondue_malloc(200 * MIB);

	must(block);
	memset(block, 1, 200 * MIB);
	must(figures().used >= 200 * MIB);
	fondue_free(block);
	must(figures().used < 64 * MIB && figures().idle <= 64 * MIB);
	must((block = fondue_malloc(60 * MIB)));
	memset(block, 1, 60 * MIB);
	fondue_free(block);
	while (figures().idle > 4 * MIB && clock_ns() < end) {
		fondue_free(fondue_malloc(100 * KIB));
		usleep(100000);
	}
	must(figures().idle <= 4 * MIB);
	must((block = fondue_calloc(1, 60 * MIB)) && is_all(block, 0, 60 * MIB));
	return CHILD_GOOD;
}

int main(void)
{
	if (!fondue_active() || !figures().size)
		tap_skip_all("to be preloaded");
	test_heap("every size is served, apart from all others", play_sizes);
	test_heap("little of a block is wasted", play_waste);
	test_heap("calloc() is zero, whatever was there", play_zero);
	test_heap("what cannot be is NULL and ENOMEM", play_too_much);
	test_heap("alignments from 1 to 4 MiB", play_aligned);
	test_heap("realloc() keeps what was in it", play_realloc);
	test_heap("free_sized() accepts the size that was asked for", play_sized);
	test_heap("errno is left alone", play_errno);
	test_heap("what is no block is not freed", play_refused);
	test_heap("nor is anything around the blocks", play_refused_around);
	test_heap("what is no block is not reallocated", play_realloc_refused);
	test_heap("beyond the limit there is ENOMEM, and no more", play_limit);
	test_heap("the figures are right", play_figures);
	test_heap("strings", play_string);
	test_heap("pages go back to the kernel", play_memory);
	return tap_done();
}
