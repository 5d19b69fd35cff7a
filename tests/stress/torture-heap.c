/* SPDX-License-Identifier: MIT */
/*
 * Description: the heap stays whole when processes that use it are killed at random
 *
 * Workers allocate blocks, stamp them at both ends, pass some to one another through shared
 * slots, and free them; a master kills one after the other, at a random moment, and replaces
 * it. Now and then all stop, and the heap is looked at:
 *
 *  - it says itself that it is whole, and no free was refused: nothing is in two places;
 *  - stamps are as they were: no two blocks have a byte in common;
 *  - blocks of the dead are named, all of them; given back, exactly those of the living
 *    are left, and nothing is lost any more.
 *
 * Usage: torture-heap [SECONDS [WORKERS]]; to be preloaded
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fondue/heap.h>

#include "../tap.h"

#define WORKERS_MAX 64
#define SLOTS	    128
#define LIVE	    120 /* blocks that a worker has at most */
#define PHASE_NS    400000000ULL
#define HANG_NS	    20000000000ULL

enum state { RUNS, STOPS };

static struct common {
	void *_Atomic slots[SLOTS];
	atomic_bool stop;
	atomic_ulong operations[WORKERS_MAX];
	_Atomic enum state state[WORKERS_MAX];
	volatile unsigned live[WORKERS_MAX]; /* when it has stopped */
	volatile bool takes[WORKERS_MAX];    /* another's block, to free it */
	atomic_ulong overlaps, dirty, failed;
} *common;

static unsigned workers = 4;
static pid_t pids[WORKERS_MAX];

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL >> 16;
}

/* What a block says of itself. */
struct stamp {
	uint64_t size; /* and what tells it from a later one at the same place */
	uint64_t sum;
};
#define SIZE_BITS 24

static uint64_t sum_of(const void *block, uint64_t size)
{
	return ((uintptr_t)block ^ size) * 0x9e3779b97f4a7c15ULL;
}

static uint64_t *last_of(void *block, size_t size)
{
	return (uint64_t *)((char *)block + (size & ~7UL)) - 1;
}

static void stamp(void *block, size_t size)
{
	struct stamp *at = block;

	at->size = next_random() << SIZE_BITS | size;
	at->sum = *last_of(block, size) = sum_of(block, at->size);
}

static bool is_stamped(void *block)
{
	struct stamp *at = block;

	return at->sum == sum_of(block, at->size) &&
	       *last_of(block, at->size & ((1UL << SIZE_BITS) - 1)) == at->sum;
}

static void release(void *block)
{
	struct stamp *at = block;

	if (!is_stamped(block))
		atomic_fetch_add(&common->overlaps, 1);
	at->sum = 0;
	fondue_free(block);
}

static size_t choose_size(void)
{
	uint64_t random = next_random();
	unsigned how = random % 256;

	random >>= 8;
	if (how < 170)
		return 16 + random % 500;
	if (how < 240)
		return 16 + random % 4000;
	return 16 + random % (how < 254 ? 33000 : 400000);
}

static void *allocate(size_t size)
{
	void *block;

	switch (next_random() % 16) {
	case 0:
		block = fondue_aligned_alloc(16UL << next_random() % 10, size);
		break;
	case 1:
		block = fondue_calloc(1, size);
		if (block && (*(uint64_t *)block || *last_of(block, size)))
			atomic_fetch_add(&common->dirty, 1);
		break;
	case 2:
		block = fondue_realloc(fondue_malloc(choose_size()), size);
		break;
	default:
		block = fondue_malloc(size);
	}
	if (block)
		stamp(block, size);
	else
		atomic_fetch_add(&common->failed, 1);
	return block;
}

static void *live[LIVE];
static unsigned count;

/* Many of a size, or of any, so that lists are filled and drained. */
static void allocate_some(void)
{
	size_t size = choose_size();
	bool mixed = next_random() % 2;

	for (unsigned n = next_random() % LIVE; n && count < LIVE; n--) {
		live[count] = allocate(size);
		count += live[count] != NULL;
		if (mixed)
			size = choose_size();
	}
}

static void free_some(void)
{
	for (unsigned n = next_random() % LIVE; n && count; n--) {
		unsigned i = next_random() % count;

		release(live[i]);
		live[i] = live[--count];
	}
}

/* Put what we have into a slot, and free what another has put there. */
static void pass_some(unsigned number)
{
	common->takes[number] = true;
	for (unsigned n = next_random() % 16; n && count; n--) {
		void *other = atomic_exchange(
			&common->slots[next_random() % SLOTS], live[--count]);

		if (other)
			release(other);
	}
	common->takes[number] = false;
}

static void stop(unsigned number)
{
	const struct timespec moment = { .tv_nsec = 500000 };

	common->live[number] = count;
	atomic_store(&common->state[number], STOPS);
	while (atomic_load(&common->stop))
		nanosleep(&moment, NULL);
	atomic_store(&common->state[number], RUNS);
}

static void work(unsigned number)
{
	random_state = now_ns() * 2 + 1;
	for (;;) {
		allocate_some();
		pass_some(number);
		free_some();
		atomic_fetch_add_explicit(
			&common->operations[number], 1, memory_order_relaxed);
		if (atomic_load(&common->stop))
			stop(number);
	}
}

static void start(unsigned number)
{
	pid_t master = getpid();

	atomic_store(&common->state[number], RUNS);
	pids[number] = fork();
	if (pids[number] < 0)
		tap_bail_out("no worker");
	if (pids[number])
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == master)
		work(number);
	_exit(0);
}

struct result {
	unsigned long kills, phases, operations, lost, dead, reclaimed;
	unsigned long most_lost; /* in a phase */
	unsigned long taken; /* blocks of the living that died with another, at most */
	bool hung, damaged, unnamed, miscounted, leaked;
};

/*
 * Who is killed dies when he is given a processor, which others want, too: he comes first, if we
 * may say so; and all are killed before the first is waited for.
 */
static void kill_workers(const bool *chosen)
{
	for (unsigned i = 0; i < workers; i++)
		if (chosen[i]) {
			(void)setpriority(PRIO_PROCESS, pids[i], -19);
			kill(pids[i], SIGKILL);
		}
	for (unsigned i = 0; i < workers; i++)
		if (chosen[i])
			waitpid(pids[i], NULL, 0);
}

static void replace(struct result *result, unsigned number)
{
	result->kills++;
	result->taken += common->takes[number];
	common->takes[number] = false;
	start(number);
}

/* Some at a time: whoever comes next meets what they have left behind. */
static void kill_some(struct result *result)
{
	const struct timespec moment = { .tv_nsec = next_random() % 1500000 };
	bool chosen[WORKERS_MAX] = { false };

	nanosleep(&moment, NULL);
	for (unsigned n = 1 + next_random() % workers; n; n--)
		chosen[next_random() % workers] = true;
	kill_workers(chosen);
	for (unsigned i = 0; i < workers; i++)
		if (chosen[i])
			replace(result, i);
}

static unsigned long operations(void)
{
	unsigned long sum = 0;

	for (unsigned i = 0; i < workers; i++)
		sum += atomic_load(&common->operations[i]);
	return sum;
}

static bool all_stop(void)
{
	uint64_t end = now_ns() + HANG_NS;
	const struct timespec moment = { .tv_nsec = 200000 };

	atomic_store(&common->stop, true);
	for (unsigned i = 0; i < workers; i++)
		while (atomic_load(&common->state[i]) != STOPS) {
			if (now_ns() > end)
				return false;
			nanosleep(&moment, NULL);
		}
	return true;
}

static void all_go(void)
{
	const struct timespec moment = { .tv_nsec = 200000 };

	atomic_store(&common->stop, false);
	for (unsigned i = 0; i < workers; i++)
		while (atomic_load(&common->state[i]) != RUNS)
			nanosleep(&moment, NULL);
}

static struct fondue_heap_figures figures(void)
{
	struct fondue_heap_figures stats = { .size = sizeof(stats) };

	(void)fondue_heap_stats(&stats);
	return stats;
}

static void add_dead(const struct fondue_heap_dead *dead, void *sum)
{
	*(uint64_t *)sum += dead->pid ? dead->blocks : 0;
}

static void empty_slots(void)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		void *block = atomic_exchange(&common->slots[i], NULL);

		if (block)
			release(block);
	}
}

/* Nobody else is at it. */
static void look(struct result *result, bool anybody_lives)
{
	struct fondue_heap_figures before = figures(), after;
	uint64_t named = 0, living = 0, reclaimed;

	result->damaged |= fondue_heap_check(add_dead, &named) != 0;
	result->unnamed |= named != before.dead_blocks;
	result->dead += before.dead_blocks;
	result->lost += before.lost_blocks;
	if (before.lost_blocks > result->most_lost)
		result->most_lost = before.lost_blocks;
	empty_slots();
	reclaimed = fondue_heap_reclaim(0);
	result->reclaimed += reclaimed;
	for (unsigned i = 0; anybody_lives && i < workers; i++)
		living += common->live[i];
	after = figures();
	result->damaged |= fondue_heap_check(NULL, NULL) != 0;
	result->leaked |= after.lost_blocks || after.dead_blocks;
	if (!anybody_lives)
		result->taken = 0;
	if (after.blocks < living || after.blocks > living + result->taken) {
		tap_note("%lu blocks are left, the living have %lu", (unsigned long)after.blocks,
			(unsigned long)living);
		result->miscounted = true;
	}
	result->phases++;
}

static bool is_sound(const struct result *result)
{
	return !result->hung && !result->damaged && !result->unnamed && !result->miscounted &&
	       !result->leaked && !atomic_load(&common->overlaps);
}

/* One phase. */
static void go_on(struct result *result)
{
	uint64_t end = now_ns() + PHASE_NS, seen = now_ns();
	unsigned long before = operations();

	while (now_ns() < end && !result->hung) {
		kill_some(result);
		if (operations() != before) {
			before = operations();
			seen = now_ns();
		}
		result->hung |= now_ns() - seen > HANG_NS;
	}
	result->hung |= !all_stop();
	if (!result->hung)
		look(result, true);
	all_go();
}

static struct result torture(double seconds)
{
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	struct result result = { 0 };
	bool all[WORKERS_MAX];

	random_state = now_ns() | 1;
	for (unsigned i = 0; i < workers; i++)
		start(i);
	while (is_sound(&result) && now_ns() < end)
		go_on(&result);
	memset(all, true, sizeof(all));
	kill_workers(all);
	result.operations = operations();
	if (!result.hung)
		look(&result, false);
	return result;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 5;
	struct fondue_heap_figures stats = figures();
	struct result result;

	if (argc > 2)
		workers = atoi(argv[2]);
	if (!workers || workers > WORKERS_MAX || !fondue_active() || !stats.reserved)
		tap_skip_all("to be preloaded, with 1 to 64 workers");
	common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	if (common == MAP_FAILED)
		tap_bail_out("no memory");
	result = torture(seconds);
	stats = figures();
	tap_note("%lu kills, %lu allocations, %lu rounds, %lu phases; %lu blocks of the dead, "
		 "%lu lost (%.3f per kill, at most %lu in a phase), %lu reclaimed; %lu failed; "
		 "%lu KiB in use at the end, %lu idle",
		result.kills, (unsigned long)stats.allocations, result.operations, result.phases,
		result.dead, result.lost, (double)result.lost / (result.kills ? result.kills : 1),
		result.most_lost, result.reclaimed, atomic_load(&common->failed),
		(unsigned long)stats.used >> 10, (unsigned long)stats.idle >> 10);
	test("somebody gets on all the time", !result.hung);
	test("the heap is whole whenever it is looked at", !result.damaged);
	test("no two blocks overlap", !atomic_load(&common->overlaps));
	test("what calloc() gives is zero", !atomic_load(&common->dirty));
	test("no free is refused", !stats.refused);
	test("all blocks of the dead are named", !result.unnamed);
	test("reclaimed, just those of the living are left", !result.miscounted);
	test("nothing stays lost", !result.leaked && !stats.blocks);
	test("no allocation fails", !atomic_load(&common->failed));
	test("workers were killed, with blocks", result.kills > 0 && result.dead > 0);
	return tap_done();
}
