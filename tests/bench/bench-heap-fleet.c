/* SPDX-License-Identifier: MIT */
/*
 * bench-heap-fleet.c - processes that allocate at the same time
 *
 * They are forked once, fill their stocks, and sleep until it is their contestant's turn: so
 * none is measured while it is new, and those of all contestants can be asked in turns. What is
 * measured is from the moment at which the first begins to that at which the last has done,
 * by their own clocks, so how long the kernel takes to wake them counts little.
 *
 * Blocks are passed from one to another one between two processes; of a private heap, between two
 * threads of one, for it has no other way.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench-heap.h"

/* Who has not done by then never will, s. */
#define STUCK_S 60

struct fleet {
	_Atomic uint32_t go; /* how often they were asked */
	_Atomic uint32_t done;
	uint32_t members;
	unsigned long count;
	const struct scenario *scenario;
	const struct contestant *contestant;
	struct {
		double start, end;
	} __attribute__((aligned(64))) times[MEMBERS_MAX];
	struct ring ring;
};

static void wait_while(_Atomic uint32_t *word, uint32_t value, const struct timespec *limit)
{
	(void)syscall(SYS_futex, word, FUTEX_WAIT, value, limit, NULL, 0);
}

static void wake(_Atomic uint32_t *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void do_it(struct fleet *fleet, unsigned index, struct stock *stock)
{
	const struct contestant *c = fleet->contestant;

	if (fleet->scenario->job == JOB_CHURN)
		c->churn(stock, fleet->count);
	else if (index == 0)
		c->produce(&fleet->ring, fleet->scenario->size, fleet->count);
	else
		c->consume(&fleet->ring, fleet->count);
}

__attribute__((noreturn)) static void serve(struct fleet *fleet, unsigned index)
{
	const struct scenario *s = fleet->scenario;
	struct stock *stock = NULL;

	if (fleet->members <= processor_count)
		processor_use(index);
	else
		processors_use_all();
	if (s->job == JOB_CHURN)
		stock = stock_new(fleet->contestant, s->blocks);
	for (uint32_t turn = 0;; turn++) {
		/* filling the stock was turn 0: whoever waits for it asks for nothing */
		if (turn) {
			while (atomic_load(&fleet->go) < turn)
				wait_while(&fleet->go, turn - 1, NULL);
			fleet->times[index].start = now_us();
			do_it(fleet, index, stock);
			fleet->times[index].end = now_us();
		}
		if (atomic_fetch_add(&fleet->done, 1) + 1 == fleet->members * (turn + 1))
			wake(&fleet->done);
	}
}

static void *serve_as_thread(void *fleet)
{
	serve(fleet, 1);
}

/* All have done this turn. */
static void wait_for_all(struct fleet *fleet, uint32_t turn)
{
	const struct timespec limit = { .tv_sec = 1 };
	double end = now_us() + STUCK_S * 1e6;

	for (;;) {
		uint32_t done = atomic_load(&fleet->done);

		if (done == fleet->members * (turn + 1))
			return;
		if (now_us() > end)
			bench_give_up(fleet->contestant->name);
		wait_while(&fleet->done, done, &limit);
	}
}

struct fleet *fleet_start(const struct scenario *s, const struct contestant *c)
{
	bool threads = s->job == JOB_PASS && c->kind == HEAP_PRIVATE;
	struct fleet *fleet = shared_memory(sizeof(*fleet));
	pthread_t thread;

	fleet->members = s->processes;
	fleet->scenario = s;
	fleet->contestant = c;
	for (unsigned i = 0; i < (threads ? 1 : s->processes); i++) {
		if (child_start())
			continue;
		if (threads) {
			errno = pthread_create(&thread, NULL, serve_as_thread, fleet);
			if (errno)
				bench_fail("pthread_create");
		}
		serve(fleet, i);
	}
	wait_for_all(fleet, 0);
	return fleet;
}

double fleet_run(struct fleet *fleet, unsigned long count)
{
	double start = INFINITY, end = 0;
	uint32_t turn = fleet->go + 1;

	fleet->count = count;
	atomic_store(&fleet->go, turn);
	wake(&fleet->go);
	wait_for_all(fleet, turn);
	for (unsigned i = 0; i < fleet->members; i++) {
		start = fmin(start, fleet->times[i].start);
		end = fmax(end, fleet->times[i].end);
	}
	return end - start;
}

void fleet_end(struct fleet *fleet)
{
	(void)munmap(fleet, sizeof(*fleet));
}
