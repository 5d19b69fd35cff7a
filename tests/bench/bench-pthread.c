/* SPDX-License-Identifier: MIT */
/*
 * bench-pthread.c - what the runtime adds to a lock call of libc
 *
 * In a program that shares something the calls that lock a mutex go by the runtime; a
 * function that dlsym() has found does not. Both are timed in the same process, one after
 * the other: for a mutex in private memory and for one that is shared; with FONDUE_ROBUST=1
 * and without.
 *
 * Usage: bench-pthread LIBFONDUE
 */
#include <dlfcn.h>
#include <pthread.h>

#include <fondue/shared.h>

#include "launch.h"
#include "table.h"

#define ROUNDS 30
#define PAIRS  200000ul

FONDUE_SHARED static pthread_mutex_t common = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;

typedef int lock_call(pthread_mutex_t *);

/* Through a pointer, as the other: what differs is where it leads. */
static lock_call *volatile by_slot = pthread_mutex_lock, *volatile direct;

static double time_pairs(lock_call *lock, pthread_mutex_t *mutex)
{
	double start;

	for (unsigned long i = 0; i < PAIRS / 10; i++) {
		lock(mutex);
		pthread_mutex_unlock(mutex);
	}
	start = now_us();
	for (unsigned long i = 0; i < PAIRS; i++) {
		lock(mutex);
		pthread_mutex_unlock(mutex);
	}
	return (now_us() - start) * 1e3 / PAIRS;
}

enum { OWN_DIRECT, OWN, COMMON_DIRECT, COMMON, TIMES };

static void *nothing(void *arg)
{
	return arg;
}

/*
 * A process that has never had a second thread locks private mutexes without atomic
 * operations.
 */
static void have_had_a_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, nothing, NULL) == 0)
		pthread_join(thread, NULL);
}

static int measure(void)
{
	double times[TIMES];

	*(void **)&direct = dlsym(RTLD_NEXT, "pthread_mutex_lock");
	if (!fondue_active() || direct == by_slot)
		return EXIT_FAILURE;
	have_had_a_thread();
	by_slot(&common); /* from now on it is process-shared */
	pthread_mutex_unlock(&common);
	times[OWN_DIRECT] = time_pairs(direct, &own);
	times[OWN] = time_pairs(by_slot, &own);
	times[COMMON_DIRECT] = time_pairs(direct, &common);
	times[COMMON] = time_pairs(by_slot, &common);
	return write(STDOUT_FILENO, times, sizeof(times)) == sizeof(times) ? 0 : EXIT_FAILURE;
}

static struct variant {
	const char *name, *robust;
	struct samples times[TIMES];
} variants[] = {
	{ .name = "as it is", .robust = "FONDUE_ROBUST=0" },
	{ .name = "FONDUE_ROBUST=1", .robust = "FONDUE_ROBUST=1" },
};

#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static void ask(const char *self, const char *library, struct variant *v)
{
	char *const args[] = { (char *)self, (char *)"measure", NULL };
	posix_spawn_file_actions_t actions;
	double times[TIMES];
	int ends[2];
	pid_t pid;

	if (pipe(ends) != 0)
		bench_fail("pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	pid = spawn(args, preloading_with(library, v->robust), &actions);
	close(ends[1]);
	if (read(ends[0], times, sizeof(times)) != (ssize_t)sizeof(times))
		bench_give_up("a process has measured nothing");
	close(ends[0]);
	posix_spawn_file_actions_destroy(&actions);
	finish(pid, v->name);
	for (unsigned i = 0; i < TIMES; i++)
		samples_add(&v->times[i], times[i]);
}

static void print(struct variant *v)
{
	static const char *const names[TIMES] = { "private, without the runtime", "private",
		"shared, without the runtime", "shared" };
	char head[128];

	for (unsigned i = 0; i < TIMES; i++)
		v->times[i].name = names[i];
	snprintf(head, sizeof(head), "%s: a pair, ns", v->name);
	table_head(head, "without");
	for (unsigned i = 0; i < TIMES; i++)
		table_line(&v->times[i], &v->times[i & ~1u]);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "measure"))
		return measure();
	if (argc != 2)
		bench_give_up("usage: bench-pthread LIBFONDUE");
	stay_on_this_processor();
	for (unsigned round = rounds(ROUNDS); round; round--)
		for (unsigned i = 0; i < VARIANTS; i++)
			ask(argv[0], argv[1], &variants[i]);
	printf("## Mutexes of libc\n\nLock and unlock, uncontended, %lu times in each of %u "
	       "processes for each setting.\n",
		PAIRS, variants[0].times[OWN].count);
	for (unsigned i = 0; i < VARIANTS; i++)
		print(&variants[i]);
	return 0;
}
