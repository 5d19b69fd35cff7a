/* SPDX-License-Identifier: MIT */
/*
 * fuzz-main.c - a driver for where there is no libFuzzer, and for inputs from files
 *
 *	fuzz-note-standalone [--runs=N] [--seed=N]	mutate the seeds
 *	fuzz-note-standalone FILE...			judge these inputs: to reproduce, for AFL
 *	fuzz-note-standalone --write-seeds=DIRECTORY	write the seeds there, seed-0 and on
 *
 * No coverage is measured. Instead an input is kept for further mutation if it came to
 * something new: a reason, a number of notes. That is enough to reach every reason that a
 * note or a layout can give, which is what a run claims in the end. The numbers are the same
 * in every run; an input that fails is left in a file, as libFuzzer does it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "input.h"

#define RUNS	 1000000
#define SEED	 20130527
#define POOL_MAX 256

static struct entry {
	size_t size;
	uint8_t bytes[INPUT_SIZE_MAX];
} pool[POOL_MAX], current;
static unsigned pool_size;

static uint64_t state; /* of the random numbers, never 0 */

/* xorshift64* */
static uint64_t draw(uint64_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dULL >> 16) % below;
}

/* Failure */

static void leave_input(void)
{
	static const char name[] = "crash-fuzz-note";
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd >= 0 && write(fd, current.bytes, current.size) == (ssize_t)current.size)
		fprintf(stderr, "the input is in ./%s\n", name);
}

static void on_signal(int number)
{
	leave_input();
	signal(number, SIG_DFL);
	raise(number);
}

/* A sanitizer ends the process in its own way. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void watch_for_failure(void)
{
	static const int numbers[] = { SIGABRT, SIGALRM };

	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(leave_input);
	} else {
		signal(SIGSEGV, on_signal);
		signal(SIGBUS, on_signal);
	}
	for (unsigned i = 0; i < FONDUE_COUNT(numbers); i++)
		signal(numbers[i], on_signal);
}

/* Mutation */

static uint64_t interesting(void)
{
	static const uint64_t values[] = { 0, 1, 2, 4, 7, 8, 16, 64, 0x1000, 0x10000, 0x7fffffff,
		0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000 };
	uint64_t value = values[draw(FONDUE_COUNT(values))];

	switch (draw(4)) {
	case 0:
		return -value;
	case 1:
		return value - 1;
	case 2:
		return value * draw(64);
	default:
		return value;
	}
}

/* A number somewhere in the input, most often where one would be, is made another. */
static void change_number(void)
{
	size_t width = (size_t)1 << draw(4);
	size_t at = draw(current.size) & ~(draw(4) ? width - 1 : 0);
	uint64_t value = 0;

	if (at + width > current.size)
		return;
	memcpy(&value, current.bytes + at, width);
	switch (draw(5)) {
	case 0:
		value = interesting();
		break;
	case 1:
		value += interesting();
		break;
	case 2:
		value ^= 1ULL << draw(8 * width);
		break;
	case 3:
		value = draw(UINT64_MAX);
		break;
	default: /* one that is somewhere else */
		memcpy(&value, current.bytes + draw(current.size - width + 1), width);
	}
	memcpy(current.bytes + at, &value, width);
}

/* A piece of another input is put in, over what is there or between. */
static void mix(void)
{
	const struct entry *other = &pool[draw(pool_size)];
	size_t from = draw(other->size) & ~3UL, at = draw(current.size) & ~3UL;
	size_t size = 4 + draw(other->size - from) / 4 * 4;
	size_t tail = current.size - at;

	if (from + size > other->size)
		size = other->size - from;
	if (draw(2) && current.size + size <= INPUT_SIZE_MAX) {
		memmove(current.bytes + at + size, current.bytes + at, tail);
		current.size += size;
	} else if (size > tail) {
		size = tail;
	}
	memcpy(current.bytes + at, other->bytes + from, size);
}

static void cut(void)
{
	size_t at = draw(current.size), size = 1 + draw(64);

	if (draw(2))
		size = size / 4 * 4;
	if (size > current.size - at)
		size = current.size - at;
	memmove(current.bytes + at, current.bytes + at + size, current.size - at - size);
	current.size -= size;
}

static void mutate(void)
{
	current = pool[draw(pool_size)];
	for (unsigned i = 1 + draw(4); i && current.size; i--)
		switch (draw(8)) {
		case 0:
			mix();
			break;
		case 1:
			cut();
			break;
		default:
			change_number();
		}
}

/* Runs */

static unsigned reached[REASON_COUNT][MODE_COUNT];
static bool seen[MODE_COUNT][REASON_COUNT][4];

/* Is this the first input that came to such an outcome? */
static bool is_new(void)
{
	unsigned notes = fuzz_outcome.notes < 3 ? fuzz_outcome.notes : 3;
	bool *known = &seen[fuzz_outcome.mode][fuzz_outcome.reason][notes];
	bool is = fuzz_outcome.begun && !*known;

	if (fuzz_outcome.begun)
		*known = true;
	return is;
}

static void run(void)
{
	LLVMFuzzerTestOneInput(current.bytes, current.size);
	if (fuzz_outcome.begun)
		reached[fuzz_outcome.reason][fuzz_outcome.mode]++;
	if (is_new() && pool_size < POOL_MAX)
		pool[pool_size++] = current;
}

static int fuzz(unsigned long runs, uint64_t seed)
{
	int missing = 0;

	state = seed ? seed : 1;
	for (unsigned i = 0; i < SEEDS; i++) {
		current.size = seed_make(i, current.bytes);
		pool[pool_size++] = current;
		run();
	}
	for (unsigned long i = 0; i < runs; i++) {
		mutate();
		run();
	}
	printf("%lu runs from seed %lu\n", runs, (unsigned long)seed);
	for (enum reason reason = 0; reason <= REASON_BINDING; reason++) {
		printf("%8u %8u  %s\n", reached[reason][MODE_FILE],
			reached[reason][MODE_MEMORY],
			reason ? refusal_cause(reason) : "shared");
		missing += !reached[reason][MODE_FILE] && !reached[reason][MODE_MEMORY];
	}
	if (missing)
		printf("%d of these were not reached\n", missing);
	return missing ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int reproduce(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file) {
		perror(path);
		return EXIT_FAILURE;
	}
	current.size = fread(current.bytes, 1, sizeof(current.bytes), file);
	fclose(file);
	LLVMFuzzerTestOneInput(current.bytes, current.size);
	printf("%s: %s\n", path,
		!fuzz_outcome.begun   ? "no note" :
		!fuzz_outcome.reason ? "shared" :
					refusal_cause(fuzz_outcome.reason));
	return EXIT_SUCCESS;
}

static int write_seeds(const char *directory)
{
	for (unsigned i = 0; i < SEEDS; i++) {
		char path[4096];
		FILE *file;

		snprintf(path, sizeof(path), "%s/seed-%u", directory, i);
		current.size = seed_make(i, current.bytes);
		file = fopen(path, "wb");
		if (!file || fwrite(current.bytes, current.size, 1, file) != 1 ||
			fclose(file) != 0) {
			perror(path);
			return EXIT_FAILURE;
		}
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	unsigned long runs = RUNS;
	uint64_t seed = SEED;
	int result = EXIT_SUCCESS, files = 0;

	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "--runs=", 7))
			runs = strtoul(argv[i] + 7, NULL, 0);
		else if (!strncmp(argv[i], "--seed=", 7))
			seed = strtoull(argv[i] + 7, NULL, 0);
		else if (!strncmp(argv[i], "--write-seeds=", 14))
			return write_seeds(argv[i] + 14);
		else
			files++;
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "--", 2) && reproduce(argv[i]) != EXIT_SUCCESS)
			result = EXIT_FAILURE;
	if (files)
		return result;
	watch_for_failure();
	return fuzz(runs, seed);
}
