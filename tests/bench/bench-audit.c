/* SPDX-License-Identifier: MIT */
/*
 * bench-audit.c - what it costs to have every acquisition looked at
 *
 * FONDUE_HOLD_CHECK and FONDUE_LOCKORDER send each lock call through the runtime. This program
 * starts itself again and again, under the preload, with either, both or none of them; each of
 * these processes times a pair of lock and unlock alone, one under another lock that is held
 * (which is when an order is looked at), and the two peers that a user would else have.
 *
 * Usage: bench-audit LIBFONDUE
 */
#include <pthread.h>

#include <fondue/spinlock.h>

#include "launch.h"
#include "table.h"

#define ROUNDS 30
#define PAIRS  200000ul

FONDUE_SHARED static struct {
	fondue_spinlock_t outer, lock;
	pthread_spinlock_t spin;
	pthread_mutex_t mutex;
} common;

#define TIME(lock_it, unlock_it)                                                         \
	__extension__({                                                                  \
		double start_;                                                           \
		for (unsigned long i_ = 0; i_ < PAIRS / 10; i_++) {                      \
			lock_it;                                                         \
			unlock_it;                                                       \
		}                                                                        \
		start_ = now_us();                                                       \
		for (unsigned long i_ = 0; i_ < PAIRS; i_++) {                           \
			lock_it;                                                         \
			unlock_it;                                                       \
		}                                                                        \
		(now_us() - start_) * 1e3 / PAIRS;                                       \
	})

enum { ALONE, NESTED, SPIN, MUTEX, TIMES };

static int measure(void)
{
	double times[TIMES];
	pthread_mutexattr_t attributes;

	if (!fondue_active())
		return EXIT_FAILURE;
	pthread_spin_init(&common.spin, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&common.mutex, &attributes);
	times[ALONE] = TIME(fondue_spin_lock(&common.lock), fondue_spin_unlock(&common.lock));
	fondue_spin_lock(&common.outer);
	times[NESTED] = TIME(fondue_spin_lock(&common.lock), fondue_spin_unlock(&common.lock));
	fondue_spin_unlock(&common.outer);
	times[SPIN] = TIME(pthread_spin_lock(&common.spin), pthread_spin_unlock(&common.spin));
	times[MUTEX] = TIME(
		pthread_mutex_lock(&common.mutex), pthread_mutex_unlock(&common.mutex));
	return write(STDOUT_FILENO, times, sizeof(times)) == sizeof(times) ? 0 : EXIT_FAILURE;
}

static struct variant {
	const char *name, *check, *order;
	struct samples alone, nested;
} variants[] = {
	{ .name = "neither", .check = "FONDUE_HOLD_CHECK=0", .order = "FONDUE_LOCKORDER=0" },
	{ .name = "FONDUE_HOLD_CHECK=1",
		.check = "FONDUE_HOLD_CHECK=1",
		.order = "FONDUE_LOCKORDER=0" },
	{ .name = "FONDUE_LOCKORDER=1",
		.check = "FONDUE_HOLD_CHECK=0",
		.order = "FONDUE_LOCKORDER=1" },
	{ .name = "both", .check = "FONDUE_HOLD_CHECK=1", .order = "FONDUE_LOCKORDER=1" },
};

#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static void ask(const char *self, const char *library, struct variant *v, double *ret_times)
{
	char *const args[] = { (char *)self, (char *)"measure", NULL };
	posix_spawn_file_actions_t actions;
	int ends[2];
	pid_t pid;

	if (pipe(ends) != 0)
		bench_fail("pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	putenv((char *)v->check);
	pid = spawn(args, preloading_with(library, v->order), &actions);
	close(ends[1]);
	if (read(ends[0], ret_times, TIMES * sizeof(*ret_times)) !=
		(ssize_t)(TIMES * sizeof(*ret_times)))
		bench_give_up("a process has measured nothing");
	close(ends[0]);
	posix_spawn_file_actions_destroy(&actions);
	finish(pid, v->name);
}

static void print_ratios(const struct samples *spin, const struct samples *mutex)
{
	double fast = samples_summary(&variants[0].alone).median;

	printf("\nA pair alone, by the median:\n\n| | by the fast path | by %s | by %s |\n"
	       "|---|--:|--:|--:|\n", spin->name, mutex->name);
	for (unsigned i = 0; i < VARIANTS; i++) {
		double median = samples_summary(&variants[i].alone).median;

		printf("| %s | %.1f | %.1f | %.1f |\n", variants[i].name, median / fast,
			median / samples_summary(spin).median,
			median / samples_summary(mutex).median);
	}
}

int main(int argc, char **argv)
{
	struct samples spin = { .name = "pthread_spinlock_t" };
	struct samples mutex = { .name = "pthread_mutex_t" };

	if (argc == 2 && !strcmp(argv[1], "measure"))
		return measure();
	if (argc != 2)
		bench_give_up("usage: bench-audit LIBFONDUE");
	stay_on_this_processor();
	for (unsigned round = rounds(ROUNDS); round; round--) {
		unsigned order[VARIANTS];

		shuffle(order, VARIANTS);
		for (unsigned i = 0; i < VARIANTS; i++) {
			struct variant *v = &variants[order[i]];
			double times[TIMES];

			ask(argv[0], argv[1], v, times);
			samples_add(&v->alone, times[ALONE]);
			samples_add(&v->nested, times[NESTED]);
			samples_add(&spin, times[SPIN]);
			samples_add(&mutex, times[MUTEX]);
		}
	}
	printf("## Audited locks\n\nLock and unlock, uncontended, %lu times in each of %u "
	       "processes for each setting.\n", PAIRS, variants[0].alone.count);
	for (unsigned i = 0; i < VARIANTS; i++)
		variants[i].alone.name = variants[i].nested.name = variants[i].name;
	table_head("a pair alone, ns", "neither");
	for (unsigned i = 0; i < VARIANTS; i++)
		table_line(&variants[i].alone, &variants[0].alone);
	table_line(&spin, NULL);
	table_line(&mutex, NULL);
	table_head("a pair under another lock, ns", "neither");
	for (unsigned i = 0; i < VARIANTS; i++)
		table_line(&variants[i].nested, &variants[0].nested);
	print_ratios(&spin, &mutex);
	return 0;
}
