/* SPDX-License-Identifier: MIT */
/*
 * bench-heap-footprint.c - memory that 100,000 blocks take, by what was asked for
 *
 * Each is written to from its beginning to its end; resident is what the kernel says of the
 * process, so what a heap writes down about its blocks is included. Every figure is that of
 * a process of its own, which has allocated nothing before.
 */
#include <string.h>

#include "bench-heap.h"
#include "peer.h"

#define BLOCKS 100000
/* Some search longer with each block. */
#define PATIENCE_US 5e6

struct question {
	unsigned contestant, mixed;
};

static double resident_kib(void)
{
	double sum = 0;
	char line[256];
	FILE *status = fopen("/proc/self/smaps_rollup", "re");

	if (!status)
		bench_fail("/proc/self/smaps_rollup");
	while (fgets(line, sizeof(line), status))
		if (!strncmp(line, "Rss:", 4))
			sum = strtod(line + 4, NULL);
	fclose(status);
	return sum;
}

/* Return: < 0: it took too long. */
static double fill(const struct contestant *c, bool mixed)
{
	double before, asked = 0, end = now_us() + PATIENCE_US;
	uint32_t random = 2463534242u;

	before = resident_kib();
	before = resident_kib(); /* what that takes itself is there now */
	for (unsigned i = 0; i < BLOCKS; i++) {
		size_t size = 64;
		void *block;

		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		if (mixed)
			size = 16 + ((random & 0xffff) * 497 >> 16);
		block = c->alloc(size);
		if (!block)
			return -1;
		memset(block, 1, size);
		asked += size;
		if (i % 64 == 0 && now_us() > end)
			return -1;
	}
	return (resident_kib() - before) * 1024 / asked;
}

void serve_footprint(void)
{
	struct question question;
	double ratio;

	if (!receive(STDIN_FILENO, &question, sizeof(question)))
		return;
	ratio = fill(&contestants[question.contestant], question.mixed);
	transmit(STDOUT_FILENO, &ratio, sizeof(ratio));
}

static double ask(unsigned contestant, bool mixed)
{
	char *argv[] = { (char *)"/proc/self/exe", (char *)"--preloaded",
		(char *)"serve-footprint", NULL };
	struct peer peer = peer_start("footprint", argv, getenv("LD_PRELOAD"));
	struct question question = { contestant, mixed };
	double ratio;

	peer_ask(&peer, &question, sizeof(question), &ratio, sizeof(ratio));
	peer_stop(&peer);
	return ratio;
}

void measure_footprint(void)
{
	double ours[2] = { 0 };

	printf("\n### Resident, by what was asked for: %u blocks\n\n"
	       "| | of 16 to 512 B | of 64 B |\n|---|--:|--:|\n", BLOCKS);
	for (unsigned i = 0; i < contestant_count; i++) {
		bool is_mapping = !strcmp(contestants[i].name, "a mapping each");

		if (!is_there[i] || is_mapping) /* a page and more each, and too many */
			continue;
		printf("| %s |", contestants[i].name);
		for (int mixed = 1; mixed >= 0; mixed--) {
			double ratio = ask(i, mixed);

			if (ratio < 0)
				printf(" not within 5 s |");
			else
				printf(" %.3f |", ratio);
			if (i == contestant_named(CONTESTANT_OURS))
				ours[mixed] = ratio;
		}
		printf("\n");
	}
	printf("\nGoal: resident at most 1.12 × what was asked for, in blocks of 16 to 512 B | "
	       "%.3f ×; of 64 B %.3f ×\n", ours[1], ours[0]);
}
