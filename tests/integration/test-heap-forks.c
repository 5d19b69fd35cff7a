/* SPDX-License-Identifier: MIT */
/*
 * Description: a signal handler forks in the middle of a call of the heap
 *
 * At one of its instructions, each in its turn; stepped by the processor's trap flag, so
 * without rseq(2). With it, when a timer comes. The child allocates and frees in the handler, and
 * ends there. Its parent waits for it in the handler, and holds until then whatever lock of
 * the heap's it holds at that moment; or goes on meanwhile.
 */
#include <sys/time.h>

#include "heaping.h"

/* A class that is interrupted, another, and units. */
static const size_t sizes[] = { 1000, 64, 20000, 70000, 200000 };
#define SIZES (sizeof(sizes) / sizeof(*sizes))
#define BURST 40

static volatile unsigned forked, refused, hung;
static volatile bool awaits;
static volatile pid_t child;

static int allocate_all(void)
{
	unsigned failed = 0;
	void *blocks[BURST];

	for (unsigned i = 0; i < SIZES; i++) {
		unsigned count = sizes[i] > 32768 ? 2 : BURST;

		for (unsigned j = 0; j < count; j++) {
			blocks[j] = fondue_malloc(sizes[i]);
			failed += !blocks[j];
			if (blocks[j])
				stamp(blocks[j], sizes[i], (uintptr_t)blocks[j]);
		}
		for (unsigned j = 0; j < count; j++) {
			if (blocks[j] && !is_stamped(blocks[j], sizes[i], (uintptr_t)blocks[j]))
				return 1;
			fondue_free(blocks[j]);
		}
	}
	return failed ? CHILD_GOOD + 1 : CHILD_GOOD;
}

static void await_child(void)
{
	int status = unit_wait(child);

	refused += status == CHILD_GOOD + 1;
	hung += status != CHILD_GOOD && status != CHILD_GOOD + 1;
	child = 0;
}

static void fork_here(void)
{
	forked++;
	child = fork();
	if (child == 0) {
		alarm(20);
		_exit(allocate_all());
	}
	if (awaits)
		await_child();
}

/* Forks and waits, again and again, wherever that is. */
static void on_timer(int number)
{
	int saved = errno;

	(void)number;
	awaits = true;
	fork_here();
	errno = saved;
}

static int play_timer(void)
{
	struct sigaction action = { .sa_handler = on_timer, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 1100 }, { 0, 1100 } }, never = { { 0, 0 }, { 0, 0 } };
	uint64_t end = clock_ns() + 2000000000;
	unsigned rounds = 0;

	must(sigaction(SIGPROF, &action, NULL) == 0 && setitimer(ITIMER_PROF, &often, NULL) == 0);
	for (; clock_ns() < end || rounds < 100; rounds++)
		must(allocate_all() == CHILD_GOOD);
	must(setitimer(ITIMER_PROF, &never, NULL) == 0);
	tap_note("  %u rounds; %u children, of which %u were refused a block", rounds, forked,
		refused);
	must(!hung && forked > 20 && fondue_heap_check(NULL, NULL) == 0);
	return CHILD_GOOD;
}

#if defined(__x86_64__)
#include "stepping.h"

/* The handler acts after @n instructions. Return: so many there were; 0: it was wrong. */
static long step_once(size_t size, int shifted, long n)
{
	void *block;
	long first;

	shift(size, shifted);
	at = n;
	step = 0;
	STEPPED(block = malloc_it(size));
	first = step;
	if (!block)
		return 0;
	stamp(block, size, 42);
	shift(size, -shifted);
	if (first <= at)
		STEPPED(free_it(block));
	else
		free_it(block);
	if (child)
		await_child();
	return step;
}

/* How many blocks are to be taken from the list for the longest way, or the shortest. */
static int find_shift(size_t size, bool longest, long *ret_total)
{
	int found = 0;

	*ret_total = 0;
	for (int i = 0; i < 70; i++) {
		long total = step_once(size, i, -1);

		if (!*ret_total || (total > *ret_total) == longest) {
			*ret_total = total;
			found = i;
		}
	}
	return found;
}

static int play(size_t size, bool longest)
{
	uint64_t random = 42;
	long total;
	int shifted;

	must(stepping_starts(fork_here));
	must(allocate_all() == CHILD_GOOD);
	shifted = find_shift(size, longest, &total);
	must(total > 40);
	for (long n = 0; n < 160 && !hung; n++) {
		awaits = n % 2 == 0;
		must(step_once(size, shifted,
			     n < 60 ? n : (long)(next_random(&random) >> 8) % total) > 0);
	}
	tap_note("  %ld instructions; %u children were refused a block, %u hung", total, refused,
		hung);
	must(!hung && fondue_heap_check(NULL, NULL) == 0);
	return CHILD_GOOD;
}

static int play_list(void)
{
	return play(1000, false);
}

static int play_slab(void)
{
	return play(1000, true);
}

static int play_large(void)
{
	return play(70000, true);
}
#endif

int main(void)
{
	if (!fondue_active() || !figures().size)
		tap_skip_all("to be preloaded");
	test_heap("wherever a timer comes", play_timer);
#if defined(__x86_64__)
	if (!has_rseq()) {
		test_heap("while a block is taken from a list and put back", play_list);
		test_heap("while a list is filled and drained", play_slab);
		test_heap("while units are taken and given back", play_large);
	}
#endif
	return tap_done();
}
