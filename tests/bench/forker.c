/* SPDX-License-Identifier: MIT */
/*
 * forker.c - a process that forks when asked, and tells how long it took
 *
 * Built several times: with FORKER_BYTES of memory in a global, annotated when
 * FORKER_SHARED is defined, in an object that uses locks if FORKER_LOCKS is. Every page of it
 * is written before the first question, as in a program that has been working for a while.
 * An argument asks for another kind of
 * memory: "arena", an explicit MAP_SHARED mapping as programs make that do without
 * fondue; "huge", the global on huge pages, which have small page tables; "shared", none
 * other, but the program is to fail if the global is not shared; "heap" and, where FORKER_HEAP
 * is defined, "malloc": as much from the shared heap, or a private one. A second argument has it
 * start a second thread, which does nothing: libc takes its own locks around such a fork.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>

#include "forker.h"

#ifdef FORKER_LOCKS
#include <fondue/spinlock.h>
#endif
#ifdef FORKER_HEAP
#include <fondue/heap.h>
#endif
#ifdef FORKER_SHARED
#include <fondue/shared.h>
#else
#define FONDUE_SHARED_ZERO
#define fondue_active() 0
#endif

#ifndef FORKER_BYTES
#define FORKER_BYTES 4096
#endif
#define STEP 4096

FONDUE_SHARED_ZERO static char global[FORKER_BYTES];

static char *memory = global;
static pid_t (*doors[DOOR_COUNT])(void);

static void write_all(void)
{
	for (size_t i = 0; i < FORKER_BYTES; i += STEP)
		*(volatile char *)(memory + i) = 1;
}

/* Not all kernels have them: the page of results tells how this one is set. */
static void ask_for_huge_pages(void)
{
	char *start = global + (-(uintptr_t)global & (STEP - 1));

	(void)madvise(start, global + FORKER_BYTES - start, MADV_HUGEPAGE);
}

static void *idle(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void start_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, idle, NULL);
	if (errno)
		bench_fail("pthread_create");
}

static void *must_find(void *where, const char *name)
{
	void *found = dlsym(where, name);

	if (!found)
		bench_give_up(name);
	return found;
}

static void find_doors(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

	if (!libc)
		bench_give_up("no libc.so.6");
	*(void **)&doors[DOOR_FORK] = must_find(RTLD_DEFAULT, "fork");
	*(void **)&doors[DOOR_FORK_LIBC] = must_find(libc, "fork");
	*(void **)&doors[DOOR_FORK_RAW] = must_find(RTLD_DEFAULT, "_Fork");
	*(void **)&doors[DOOR_FORK_RAW_LIBC] = must_find(libc, "_Fork");
}

static struct cycle fork_once(const struct request *request)
{
	double start = now_us(), called, waited;
	pid_t pid = doors[request->door]();

	if (pid == 0) {
		if (request->errand == ERRAND_WRITE)
			write_all();
		_exit(0);
	}
	called = now_us();
	if (pid < 0)
		bench_fail("fork");
	finish(pid, "child");
	waited = now_us();
	return (struct cycle){ .call = called - start, .whole = waited - start };
}

static void serve(void)
{
	struct cycle cycles[CYCLES_MAX];
	struct request request;

	while (receive(STDIN_FILENO, &request, sizeof(request))) {
		fork_once(&request); /* others have run since: warm the caches */
		for (unsigned i = 0; i < request.cycles; i++)
			cycles[i] = fork_once(&request);
		transmit(STDOUT_FILENO, cycles, request.cycles * sizeof(cycles[0]));
	}
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "global";
#ifdef FORKER_HEAP
	struct fondue_heap_figures stats = { .size = sizeof(stats) };
#endif

	if (!strcmp(kind, "arena"))
		memory = mmap(NULL, FORKER_BYTES, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
#ifdef FORKER_HEAP
	if (!strcmp(kind, "heap"))
		memory = fondue_heap_stats(&stats) == 0 ? fondue_malloc(FORKER_BYTES) : NULL;
	if (!strcmp(kind, "malloc"))
		memory = malloc(FORKER_BYTES);
#endif
	if (memory == MAP_FAILED || !memory)
		bench_fail("mmap");
	if (!strcmp(kind, "huge"))
		ask_for_huge_pages();
	if (!strcmp(kind, "shared") && !fondue_active())
		bench_give_up("the runtime has not shared the memory");
	write_all();
	find_doors();
	if (argc > 2)
		start_thread();
	serve();
	return EXIT_SUCCESS;
}
