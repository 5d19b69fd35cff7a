/* SPDX-License-Identifier: MIT */
/*
 * Description: one heap for the whole family, whoever was born when
 *
 * Blocks go from the parent to the child, from the child to the parent, and to relatives that
 * know one another by nothing but the heap; all of them free what any has allocated. What the
 * dead have left is named, stays, and is given back when it is asked for.
 */
#include <pthread.h>
#include <sys/syscall.h>

#include "heaping.h"

/* Where pointers are passed; the same address in all. */
static struct common {
	void *_Atomic slots[256];
	atomic_int ready, go, errors;
	_Atomic(pid_t) pid;
} *common;

#define SLOTS 256

/* Wait until it holds, 20 s at most. */
#define eventually(...)                                                                  \
	__extension__({                                                                  \
		uint64_t end_ = clock_ns() + 20000000000ULL;                             \
		bool good_;                                                              \
		while (!(good_ = (__VA_ARGS__)) && clock_ns() < end_)                    \
			sched_yield();                                                   \
		good_;                                                                   \
	})

static const size_t sizes[] = { 16, 100, 3000, 30000, 40000, 300000 };
#define SIZES (sizeof(sizes) / sizeof(*sizes))

static void *make(unsigned i, uint64_t what)
{
	void *block = fondue_malloc(sizes[i % SIZES]);

	if (block)
		stamp(block, sizes[i % SIZES], what);
	return block;
}

static bool is(const void *block, unsigned i, uint64_t what)
{
	return block && is_stamped(block, sizes[i % SIZES], what) &&
	       fondue_malloc_usable_size(block) >= sizes[i % SIZES];
}

/* Return: is there a block? */
static bool put(unsigned slot, void *block)
{
	atomic_store(&common->slots[slot], block);
	return block != NULL;
}

static int work_answer(void)
{
	for (unsigned i = 0; i < 60; i++) {
		must(is(common->slots[i], i, i));
		fondue_free(common->slots[i]);
		must(put(i, make(i, 1000 + i)));
	}
	return CHILD_GOOD;
}

static int play_both_ways(void)
{
	for (unsigned i = 0; i < 60; i++)
		must(put(i, make(i, i)));
	must(does(work_answer));
	must(figures().dead_blocks == 60);
	for (unsigned i = 0; i < 60; i++) {
		must(is(common->slots[i], i, 1000 + i));
		fondue_free(common->slots[i]);
	}
	must(is_whole() && figures().blocks == 0);
	return CHILD_GOOD;
}

/* The first use of a process, and of its child, and of that one's child... */
static int work_generation(void)
{
	int depth = atomic_fetch_add(&common->ready, 1);

	must(put(depth, make(depth, depth)));
	if (depth < 8)
		must(does(work_generation));
	for (int i = 0; i <= 8; i++)
		must(is(common->slots[i], i, i));
	return CHILD_GOOD;
}

static int play_generations(void)
{
	must(does(work_generation));
	must(figures().dead_blocks == 9);
	for (int i = 0; i <= 8; i++)
		fondue_free(common->slots[i]);
	must(is_whole() && figures().blocks == 0);
	return CHILD_GOOD;
}

static int work_give(void)
{
	for (unsigned i = 0; i < 20000; i++) {
		void *block, *empty = NULL;

		must((block = make(i % 4, i)));
		if (!eventually(empty = NULL,
			    atomic_compare_exchange_weak(
				    &common->slots[i % SLOTS], &empty, block)))
			return 1;
	}
	return CHILD_GOOD;
}

static int work_receive(void)
{
	for (unsigned i = 0; i < 20000; i++) {
		void *block = NULL;

		if (!eventually((block = atomic_exchange(&common->slots[i % SLOTS], NULL)) != NULL))
			return 1;
		must(is(block, i % 4, i));
		fondue_free(block);
	}
	return CHILD_GOOD;
}

/* All memory that one frees was allocated by another. */
static int play_one_way(void)
{
	pid_t giver = start(work_give), receiver = start(work_receive);

	must(unit_wait(giver) == CHILD_GOOD && unit_wait(receiver) == CHILD_GOOD);
	must(is_whole() && figures().blocks == 0);
	must(figures().used < 64 * MIB);
	return CHILD_GOOD;
}

static void *churn(void *arg)
{
	uint64_t random = (uintptr_t)arg * 77 + getpid();
	struct { void *at; unsigned i; uint64_t what; } mine[50] = { { 0 } };

	for (unsigned n = 0; n < 40000; n++) {
		unsigned i = next_random(&random) >> 8 & 0xffff, at = i % 50;

		if (mine[at].at && !is(mine[at].at, mine[at].i, mine[at].what))
			atomic_fetch_add(&common->errors, 1);
		fondue_free(mine[at].at);
		mine[at].i = (i >> 6) % (n % 64 ? 3 : SIZES);
		mine[at].what = random;
		mine[at].at = make(mine[at].i, random);
		if (!mine[at].at)
			atomic_fetch_add(&common->errors, 1);
	}
	for (unsigned i = 0; i < 50; i++)
		fondue_free(mine[i].at);
	return NULL;
}

static int work_threads(void)
{
	pthread_t threads[3];

	for (uintptr_t i = 0; i < 3; i++)
		must(pthread_create(&threads[i], NULL, churn, (void *)i) == 0);
	churn((void *)9);
	for (unsigned i = 0; i < 3; i++)
		must(pthread_join(threads[i], NULL) == 0);
	return CHILD_GOOD;
}

static int play_threads(void)
{
	pid_t children[3];

	for (unsigned i = 0; i < 3; i++)
		children[i] = start(work_threads);
	must(work_threads() == CHILD_GOOD);
	for (unsigned i = 0; i < 3; i++)
		must(unit_wait(children[i]) == CHILD_GOOD);
	must(atomic_load(&common->errors) == 0);
	must(is_whole() && figures().blocks == 0 && figures().refused == 0);
	return CHILD_GOOD;
}

/* While the others allocate: stats() and check() read only what there is. */
static int play_figures_meanwhile(void)
{
	pid_t child = start(work_threads);
	struct fondue_heap_figures stats;

	for (unsigned i = 0; i < 300; i++) {
		void *large = fondue_malloc((1 + i % 50) * 100 * KIB);

		stats = figures();
		must(large && stats.size == sizeof(stats) && stats.blocks >= 1);
		must(fondue_heap_check(NULL, NULL) != ENOSYS);
		fondue_free(large);
	}
	must(unit_wait(child) == CHILD_GOOD && atomic_load(&common->errors) == 0);
	must(is_whole() && figures().blocks == 0);
	return CHILD_GOOD;
}

static int work_leave(void)
{
	atomic_store(&common->pid, getpid());
	for (unsigned i = 0; i < 30; i++)
		must(make(i, i));
	raise(SIGKILL);
	return 1;
}

static int work_stay(void)
{
	must(make(1, 1) && make(5, 5));
	atomic_store(&common->ready, 1);
	for (;;)
		pause();
}

struct seen {
	unsigned count;
	struct fondue_heap_dead last;
};

static void see(const struct fondue_heap_dead *dead, void *arg)
{
	struct seen *seen = arg;

	seen->count++;
	seen->last = *dead;
}

static int play_dead(void)
{
	struct seen seen = { 0 };
	pid_t alive = start(work_stay);
	uint64_t bytes;

	must(eventually(atomic_load(&common->ready)));
	must(fondue_heap_check(see, &seen) == 0 && seen.count == 0);
	bytes = figures().bytes;
	must(unit_wait(start(work_leave)) == 1000 + SIGKILL);
	must(fondue_heap_check(see, &seen) == 0 && seen.count == 1);
	must(seen.last.pid == common->pid && seen.last.blocks == 30);
	must(figures().dead_blocks == 30 && figures().blocks == 32);
	must(figures().dead_bytes == seen.last.bytes && figures().bytes == bytes + seen.last.bytes);
	must(fondue_heap_reclaim(alive) == 0 && fondue_heap_reclaim(getpid()) == 0);
	must(fondue_heap_reclaim(common->pid) == 30 && figures().dead_blocks == 0);
	must(fondue_heap_reclaim(0) == 0 && figures().blocks == 2);
	kill(alive, SIGKILL);
	must(unit_wait(alive) == 1000 + SIGKILL);
	must(figures().dead_blocks == 2 && fondue_heap_reclaim(0) == 2);
	must(is_whole() && figures().blocks == 0);
	return CHILD_GOOD;
}

static int play_dead_many(void)
{
	struct seen seen = { 0 };

	for (unsigned i = 0; i < 200; i++)
		must(unit_wait(start(work_leave)) == 1000 + SIGKILL);
	must(fondue_heap_check(see, &seen) == 0 && seen.count == 200);
	must(figures().dead_blocks == 6000 && fondue_heap_reclaim(0) == 6000);
	must(is_whole() && figures().blocks == 0);
	return CHILD_GOOD;
}

/* What a child has of its parent is not the child's. */
static int work_inherit(void)
{
	must(make(2, 2));
	_exit(CHILD_GOOD);
}

static int play_inherited(void)
{
	void *mine = make(3, 3);
	struct seen seen = { 0 };

	must(mine && does(work_inherit));
	must(fondue_heap_check(see, &seen) == 0 && seen.count == 1 && seen.last.blocks == 1);
	must(fondue_heap_reclaim(0) == 1 && is(mine, 3, 3));
	fondue_free(mine);
	return CHILD_GOOD;
}

/* Children that nobody tells the runtime of. */
static int play_bare(void)
{
	for (unsigned i = 0; i < 2; i++) {
		void *block = make(i, i);
		pid_t pid = i ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : _Fork();

		if (pid == 0) {
			bool good = is(block, i, i);

			fondue_free(block);
			for (unsigned j = 0; j < 3000 && good; j++)
				good = put(j % 200, make(j, j));
			_exit(good ? CHILD_GOOD : 1);
		}
		must(unit_wait(pid) == CHILD_GOOD);
		must(figures().dead_blocks == 3000 && figures().blocks == 3000);
		must(fondue_heap_reclaim(pid) == 3000 && is_whole());
	}
	return CHILD_GOOD;
}

/* The limit is the family's; memory that one may not have another may not have either. */
static int work_exhaust(void)
{
	while (fondue_malloc(100 * KIB))
		;
	must(errno == ENOMEM);
	return CHILD_GOOD;
}

static int play_limit(void)
{
	uint64_t limit = figures().used + 16 * MIB;

	must(fondue_heap_set_limit(limit) == 0);
	must(does(work_exhaust) && does(work_exhaust));
	must(figures().used <= limit && !fondue_malloc(128 * KIB));
	must(fondue_heap_reclaim(0) > 100 && fondue_malloc(128 * KIB));
	return CHILD_GOOD;
}

/* A process allocates and is stopped; it is not dead, and nobody waits for it. */
static int play_stopped(void)
{
	pid_t child = start(work_threads);
	struct timespec moment = { .tv_nsec = 1000000 };
	int status;

	for (unsigned i = 0; i < 50; i++) {
		nanosleep(&moment, NULL);
		if (kill(child, SIGSTOP) || waitpid(child, &status, WUNTRACED) != child ||
			!WIFSTOPPED(status))
			break;
		must(fondue_heap_check(NULL, NULL) == 0 && figures().dead_blocks == 0);
		kill(child, SIGCONT);
	}
	kill(child, SIGKILL);
	unit_wait(child);
	must(fondue_heap_check(NULL, NULL) == 0);
	return CHILD_GOOD;
}

static bool plays(int (*play)(void))
{
	memset((void *)common, 0, sizeof(*common));
	return heap_plays(play);
}

int main(void)
{
	static const struct { const char *name; int (*play)(void); } all[] = {
		{ "blocks go from parent to child and back", play_both_ways },
		{ "to grandchildren and theirs", play_generations },
		{ "one process allocates and another frees", play_one_way },
		{ "threads of four processes at once", play_threads },
		{ "it may be looked at meanwhile", play_figures_meanwhile },
		{ "the blocks of a dead process are named, and reclaimed", play_dead },
		{ "those of two hundred", play_dead_many },
		{ "a parent's blocks are not its child's", play_inherited },
		{ "children by _Fork() and by a bare system call", play_bare },
		{ "one limit for the family", play_limit },
		{ "a stopped process is not dead", play_stopped },
	};

	if (!fondue_active() || !figures().size)
		tap_skip_all("to be preloaded");
	common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	if (common == MAP_FAILED)
		tap_bail_out("no memory");
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		test(all[i].name, plays(all[i].play));
	return tap_done();
}
