/* SPDX-License-Identifier: MIT */
/*
 * bench-heap.c - the heap of a fork family, and its peers
 *
 * Whoever needs memory that processes share piece by piece would else take OSSP mm, apr_rmm
 * or Boost.Interprocess, or map each piece. Private heaps need not be shared, nor survive
 * the death of whoever uses them, and so show what a block may cost at best: libc's, mimalloc and
 * jemalloc. All are asked in turns, in one run of one program, which starts itself once
 * more under the preload. What is asked:
 *
 *  - bench-heap-small.c: small blocks, alone and by several processes;
 *  - bench-heap-rseq.c: some of that, without restartable sequences;
 *  - bench-heap-large.c: large blocks, and pages;
 *  - bench-heap-footprint.c: memory.
 *
 * What fork() costs with such a heap is bench-heap-fork.c's.
 *
 * Usage: bench-heap LIBFONDUE [alone] [processes] [rseq] [large] [touch] [footprint]
 */
#include <string.h>

#include <fondue/fondue.h>
#include <fondue/heap.h>

#include "bench-heap.h"
#include "launch.h"

static const struct part {
	const char *name;
	void (*run)(void);
	bool by_name_only;
} parts[] = {
	{ "alone", measure_alone, false },
	{ "processes", measure_processes, false },
	{ "rseq", measure_without_rseq, false },
	{ "large", measure_large, false },
	{ "touch", measure_touch, false },
	{ "footprint", measure_footprint, false },
	{ "serve-scenarios", serve_scenarios, true },
	{ "serve-refused", serve_refused, true },
	{ "serve-footprint", serve_footprint, true },
};

static bool is_wanted(const struct part *part, char **wanted)
{
	if (!*wanted)
		return !part->by_name_only;
	for (; *wanted; wanted++)
		if (!strcmp(*wanted, part->name))
			return true;
	return false;
}

/* Once more, with the runtime, and the words after its name for arguments. */
static void start_again(char **argv)
{
	char mark[] = "--preloaded";
	char **env;

	/* jemalloc wants its threads' memory where there is little of it for latecomers */
	setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=16384", 1);
	setenv("FONDUE_LOG", "/dev/null", 0); /* hundreds of processes are killed here */
	env = preloading(argv[1]);
	argv[1] = mark;
	execve("/proc/self/exe", argv, env);
	bench_fail("/proc/self/exe");
}

int main(int argc, char **argv)
{
	struct fondue_heap_figures stats = { .size = sizeof(stats) };
	bool serves;

	if (argc < 2)
		return EXIT_FAILURE;
	if (strcmp(argv[1], "--preloaded") != 0)
		start_again(argv);
	if (fondue_heap_stats(&stats) != 0)
		bench_give_up("there is no heap");
	serves = argc > 2 && !strncmp(argv[2], "serve-", strlen("serve-"));
	processors_find();
	contestants_start();
	if (!serves) {
		children_watch();
		printf("## The shared heap\n\nProcesses run on %u processor%s. Those above OSSP mm "
		       "but fondue are private.\n",
			processor_count, processor_count > 1 ? "s" : ": **too few**");
	}
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (is_wanted(&parts[i], argv + 2))
			parts[i].run();
	return EXIT_SUCCESS;
}
