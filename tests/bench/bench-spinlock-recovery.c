/* SPDX-License-Identifier: MIT */
/*
 * bench-spinlock-recovery.c - how long after its owner's death a lock is had again
 *
 * Asked are the locks that survive it: the robust mutex, and ours. Two cases:
 *
 *  - a waiter sleeps when the owner is killed: from kill() until the waiter has the lock,
 *    on the processor that is not the owner's;
 *  - the owner is dead when somebody asks: the call alone. Who asks has used a lock
 *    before; or never since its fork, and then what a first time costs is in it: of ours,
 *    a slot in the registry.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bench-spinlock.h"

#define ROUNDS	 300
#define HANGS_MS 5000

#define LOCKS_MAX 16

static struct samples parked[LOCKS_MAX], already[LOCKS_MAX], first[LOCKS_MAX];

static void expect(const struct contestant *c, int result)
{
	if (result == EOWNERDEAD)
		return;
	fprintf(stderr, "%s: the owner's death was not told: %d\n", c->name, result);
	exit(EXIT_FAILURE);
}

/* A process that has the lock and does nothing. */
static pid_t start_owner(const struct contestant *c)
{
	pid_t pid = child_start();

	if (!pid) {
		processor_use(0);
		if (c->lock() != 0)
			_exit(EXIT_FAILURE);
		atomic_store(&arena->ready, 1);
		for (;;)
			pause();
	}
	while (!atomic_load(&arena->ready))
		usleep(50);
	return pid;
}

static bool is_asleep(pid_t pid)
{
	char path[64], text[256] = "", *state;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		bench_fail(path);
	close(fd);
	state = strrchr(text, ')');
	return state && !strncmp(state, ") S", 3);
}

static void finish_asker(const struct contestant *c, pid_t pid)
{
	const uint32_t *words = (const void *)arena->lock;
	int status;

	if (child_wait_ms(pid, HANGS_MS, &status)) {
		if (status != 0)
			bench_give_up("who asked for a dead process's lock has crashed");
		return;
	}
	fprintf(stderr, "%s: process %d waits for the dead; lock %08x %08x\n", c->name, pid,
		words[0], words[1]);
	exit(EXIT_FAILURE);
}

static double kill_owner_of_sleeper(const struct contestant *c)
{
	pid_t owner, waiter;
	double start;

	memset(arena, 0, sizeof(*arena));
	c->init();
	owner = start_owner(c);
	waiter = child_start();
	if (!waiter) {
		processor_use(1);
		atomic_store(&arena->go, 1);
		arena->result = c->lock();
		atomic_store(&arena->reached_ns, now_in_ns());
		c->unlock();
		_exit(EXIT_SUCCESS);
	}
	/* twice: it may have been seen asleep on the way */
	for (unsigned seen = 0; seen < 2;) {
		usleep(500);
		seen = atomic_load(&arena->go) && is_asleep(waiter) ? seen + 1 : 0;
	}
	start = now_us();
	kill(owner, SIGKILL);
	finish_asker(c, waiter);
	child_wait(owner);
	expect(c, arena->result);
	return arena->reached_ns / 1e3 - start;
}

static double ask_for_dead_owners(const struct contestant *c, bool warm)
{
	pid_t owner, asker;

	memset(arena, 0, sizeof(*arena));
	c->init();
	asker = child_start();
	if (!asker) {
		uint64_t start;

		processor_use(1);
		if (warm && c->lock() == 0)
			c->unlock();
		atomic_store(&arena->ready, 1);
		while (!atomic_load(&arena->go))
			usleep(50);
		start = now_in_ns();
		arena->result = c->lock();
		atomic_store(&arena->reached_ns, now_in_ns() - start);
		c->unlock();
		_exit(EXIT_SUCCESS);
	}
	while (!atomic_load(&arena->ready))
		usleep(50);
	atomic_store(&arena->ready, 0);
	owner = start_owner(c);
	kill(owner, SIGKILL);
	child_wait(owner);
	atomic_store(&arena->go, 1);
	finish_asker(c, asker);
	expect(c, arena->result);
	return arena->reached_ns / 1e3;
}

static void print_table(const char *what, const struct samples *samples)
{
	printf("\n| %s | median | 10th percentile | minimum | maximum |\n"
	       "|---|--:|--:|--:|--:|\n",
		what);
	for (unsigned i = 0; i < contestant_count; i++) {
		struct summary sum;

		if (!contestants[i].survives)
			continue;
		sum = samples_summary(&samples[i]);
		printf("| %s | %.2f | %.2f | %.2f | %.2f |\n", contestants[i].name, sum.median,
			sum.p10, sum.min, samples_max(&samples[i]));
	}
}

static void print_goal(const char *what, const struct samples *samples)
{
	const struct samples *ours = &samples[contestant_named(CONTESTANT_OURS)];
	const struct samples *robust = &samples[contestant_named(CONTESTANT_ROBUST)];
	struct estimate ratio = samples_ratio(ours, robust);

	printf("Goal: %s a robust mutex's time | %.2f × (%.2f to %.2f); of the minima %.2f ×\n",
		what, ratio.median, ratio.low, ratio.high,
		samples_summary(ours).min / samples_summary(robust).min);
}

void measure_recovery(void)
{
	for (unsigned round = rounds(ROUNDS); round > 0; round--) {
		unsigned order[LOCKS_MAX];

		shuffle(order, contestant_count);
		for (unsigned i = 0; i < contestant_count; i++) {
			const struct contestant *c = &contestants[order[i]];

			if (!c->survives)
				continue;
			samples_add(&parked[order[i]], kill_owner_of_sleeper(c));
			samples_add(&already[order[i]], ask_for_dead_owners(c, true));
			samples_add(&first[order[i]], ask_for_dead_owners(c, false));
		}
	}
	printf("\n### The owner dies\n\n%u deaths of each kind, by SIGKILL, in turns. All other "
	       "locks hang.\n",
		parked[contestant_named(CONTESTANT_OURS)].count);
	print_table("from kill() until the sleeping waiter has the lock, µs", parked);
	print_table("the call, when the owner is dead already, µs", already);
	print_table("the same, the first lock that the process takes, µs", first);
	printf("\n");
	print_goal("kill -9 of the owner: a sleeping waiter has the lock within 1.1 ×", parked);
	print_goal("the owner is dead already: lock() returns within 0.5 ×", already);
	print_goal("the same, a process's first lock: within 0.5 ×", first);
}
