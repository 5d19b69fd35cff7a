/* SPDX-License-Identifier: MIT */
/*
 * bench-spinlock.c - the lock between processes, and its peers
 *
 * Whoever needs a lock between processes would else take one of the C library's with the
 * attribute PTHREAD_PROCESS_SHARED, a semaphore, a spin lock of Concurrency Kit or one of
 * his own making: the exchange in a loop that lectures teach, or a futex with three
 * states. All lie in the same MAP_SHARED memory and are asked in turns, in one run of one
 * program, which starts itself once more under the preload. What is asked:
 *
 *  - bench-spinlock-uncontended.c: lock and unlock when nobody else wants it;
 *  - bench-spinlock-contended.c: two processes on two processors; many more on two;
 *  - bench-spinlock-fairness.c: who gets it how often, and who waits longest;
 *  - bench-spinlock-recovery.c: how long after its owner's death it is had again. Only
 *    those are asked which do not hang then.
 *
 * More processors than two are not used: with as many as processes nobody need ever sleep.
 *
 * Usage: bench-spinlock LIBFONDUE [uncontended] [contended] [fairness] [recovery]
 */
#include <sys/mman.h>

#include <fondue/shared.h>

#include "bench-spinlock.h"
#include "launch.h"

/* The runtime comes to life for programs that share something. */
FONDUE_SHARED static int shared_variable = 1;

struct arena *arena;

static const struct scenario {
	const char *name;
	void (*measure)(void);
} scenarios[] = {
	{ "uncontended", measure_uncontended },
	{ "contended", measure_contended },
	{ "fairness", measure_fairness },
	{ "recovery", measure_recovery },
};

double samples_max(const struct samples *s)
{
	double max = s->values[0];

	for (unsigned i = 1; i < s->count; i++)
		max = s->values[i] > max ? s->values[i] : max;
	return max;
}

static bool is_wanted(const char *name, char **wanted)
{
	if (!*wanted)
		return true;
	for (; *wanted; wanted++)
		if (!strcmp(*wanted, name))
			return true;
	return false;
}

/* Once more, with the runtime, and the words after its name for arguments. */
static void start_again(char **argv)
{
	char mark[] = "--preloaded";
	char **env;

	setenv("FONDUE_LOG", "/dev/null", 0); /* hundreds of owners die here */
	env = preloading(argv[1]);

	argv[1] = mark;
	execve("/proc/self/exe", argv, env);
	bench_fail("/proc/self/exe");
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return EXIT_FAILURE;
	if (strcmp(argv[1], "--preloaded") != 0)
		start_again(argv);
	if (!fondue_active() || !shared_variable)
		bench_give_up("the runtime has not shared the memory");
	arena = mmap(NULL, sizeof(*arena), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	if (arena == MAP_FAILED)
		bench_fail("mmap");
	children_watch();
	processors_find();
	load_calibrate();
	printf("## The lock between processes\n\n"
	       "Processes run on %u processor%s. The lock and what it protects lie on two "
	       "cache lines.\n",
		processor_count, processor_count > 1 ? "s" : ": **too few**");
	for (unsigned i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (is_wanted(scenarios[i].name, argv + 2))
			scenarios[i].measure();
	return EXIT_SUCCESS;
}
