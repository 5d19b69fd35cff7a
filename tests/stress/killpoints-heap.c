/* SPDX-License-Identifier: MIT */
/*
 * Description: users of the heap may be killed before any of their instructions
 *
 * A victim is led through an operation by single steps, on a heap of its own, to see its way;
 * then others are led to each place on it (in a loop, in the first eight rounds and the last) and
 * killed there. Then another process uses all of the heap, which mends it; and the heap is
 * looked at from inside: every block is in one place, counts and lists are what they should be,
 * the victim's blocks are named, at most one batch is lost, and when all is given back nothing
 * is left.
 *
 * Linked with the core, to see inside.
 *
 * Usage: killpoints-heap [POINTS [SCENARIO [STEP]]]: at POINTS places of each scenario, 0 (the
 * default): at all of them; of those whose name contains SCENARIO; at this STEP of it alone.
 */
#include <sched.h>
#include <sys/mman.h>

#include "cpu-lists.h"
#include "heap-check.h"
#include "heap.h"
#include "identity.h"
#include "killpoints-way.h"
#include "owners.h"
#include "registry.h"
#include "slabs.h"
#include "thread-lists.h"
#include "units.h"

#include "../unit/kernel.h"

#define HEAP_BYTES (32UL << 20)
#define WHERE	   400
#define SIZE	   1000
#define LARGE	   200000

struct stage *stage;
static void *volatile *kept; /* blocks of the victim or of the test; shared */

/* How free blocks come to hand. */
static enum { BY_THREAD, UNDER_LOCK, BY_RSEQ } way;
static const char *const ways[] = { "", ", under a lock", ", rseq" };

/* What is stepped. */
static int act_malloc(void)
{
	kept[0] = heap_calls.malloc(SIZE);
	return !kept[0];
}

static int act_free(void)
{
	heap_calls.free(kept[0]);
	return 0;
}

static int act_large(void)
{
	kept[0] = heap_calls.malloc(LARGE);
	return !kept[0];
}

static int act_calloc(void)
{
	kept[0] = heap_calls.calloc(1, CLASS_SIZE_MAX + 1); /* stepped byte by byte */
	return !kept[0];
}

static int act_realloc(void)
{
	kept[0] = heap_calls.realloc(kept[0], 3 * SIZE);
	return !kept[0];
}

static int act_realloc_large(void)
{
	kept[0] = heap_calls.realloc(kept[0], SIZE);
	return !kept[0];
}

static int act_tidy(void)
{
	units_tidy(true);
	return 0;
}

static int act_reclaim(void)
{
	return !heap_reclaim(0);
}

static int act_give(void)
{
	return !slabs_give(class_of(SIZE), (void *const *)kept, 40);
}

/* Before there is a victim, or by it. */
static void use_slabs(void)
{
	(void)heap_calls.malloc(SIZE);
	heap_calls.free(heap_calls.malloc(16));
}

static void be_somebody(void)
{
	(void)owners_self();
	heap_calls.free(heap_calls.malloc(16));
}

static void be_somebody_with_one(void)
{
	be_somebody();
	kept[0] = heap_calls.malloc(SIZE);
}

static void be_somebody_with_large(void)
{
	be_somebody();
	kept[0] = heap_calls.malloc(LARGE);
}

/* The list is full, and the slabs are. */
static void fill_list(void)
{
	unsigned class = class_of(SIZE), list = size_classes[class].list, count = 4 * list;
	void *blocks[512];

	be_somebody();
	for (unsigned i = 0; i < count; i++)
		blocks[i] = heap_calls.malloc(SIZE);
	for (unsigned i = way == BY_THREAD ? thread_lists_max(class) : list; i; i--)
		heap_calls.free(blocks[--count]);
	kept[0] = blocks[0];
}

/* Units that are free and have pages, here and there. */
static void leave_idle(void)
{
	void *blocks[8];

	be_somebody();
	for (unsigned i = 0; i < 8; i++)
		memset(blocks[i] = heap_calls.malloc(LARGE), 1, LARGE);
	for (unsigned i = 0; i < 8; i++)
		if (i != 3 && i != 6)
			heap_calls.free(blocks[i]);
}

/* Too much is idle for more. */
static void leave_much_idle(void)
{
	struct heap *heap = heap_map.heap;

	be_somebody_with_large();
	for (heap->top = 32; heap->top < 32 + 1100; heap->top++)
		heap_map.idle[heap->top] = 1;
	atomic_fetch_add(&heap->idle_units, 1100);
}

/* A slab that is all in our hands. */
static void take_slab(void)
{
	be_somebody();
	(void)slabs_take(class_of(SIZE), (void **)kept, 64);
}

static int leave(void)
{
	use_slabs();
	(void)heap_calls.malloc(LARGE);
	_exit(0);
}

static void somebody_dies(void)
{
	(void)await_end(start(leave));
}

static const struct scenario scenarios[] = {
	{ .name = "the first block of a family", .act = act_malloc },
	{ .name = "the first block of a process", .before = use_slabs, .act = act_malloc },
	{ .name = "the first block of a class", .prepare = be_somebody, .act = act_malloc },
	{ .name = "a block from the list", .prepare = be_somebody_with_one, .act = act_malloc },
	{ .name = "freeing to the list", .prepare = be_somebody_with_one, .act = act_free },
	{ .name = "freeing when the list is full", .prepare = fill_list, .act = act_free },
	{ .name = "giving up a slab", .prepare = take_slab, .act = act_give },
	{ .name = "a large block", .prepare = be_somebody, .act = act_large },
	{ .name = "a large block where one was", .prepare = leave_idle, .act = act_large },
	{ .name = "a large block of zeros", .prepare = leave_idle, .act = act_calloc },
	{ .name = "freeing a large block", .prepare = be_somebody_with_large, .act = act_free },
	{ .name = "freeing one whose pages go back", .prepare = leave_much_idle,
		.act = act_free },
	{ .name = "realloc() to another class", .prepare = be_somebody_with_one,
		.act = act_realloc },
	{ .name = "realloc() of a large block", .prepare = be_somebody_with_large,
		.act = act_realloc_large },
	{ .name = "giving pages back", .prepare = leave_idle, .act = act_tidy },
	{ .name = "reclaiming what another has left", .before = somebody_dies,
		.act = act_reclaim },
};

static struct {
	const struct scenario *scenario;
	unsigned n; /* after so many steps */
	char where[WHERE];
} point;

static struct victim victim;
/* missed: took another way, and came to its end. */
static struct { unsigned deaths, missed; uint64_t lost, most_lost; } tally;

static bool broken(const char *what)
{
	tap_note("%s%s, step %u: %s", point.scenario->name, ways[way], point.n, what);
	tap_note("  killed before %s", point.where);
	return false;
}

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

static long rseq_at(void)
{
	return way == BY_RSEQ ? __rseq_offset : 0;
}

/* As good as new, for each death. */
static void make_heap(void)
{
	if (heap_map.heap) {
		/* what is before and behind, for the alignment, stays mapped, and so would all pages */
		size_t size = heap_map.heap->size;

		madvise(heap_map.heap, size, MADV_REMOVE);
		munmap(heap_map.heap, size);
	}
	heap_map = (struct heap_map){ .heap = NULL };
	thread_lists_mine = (struct thread_lists){ .at_hand = 0 };
	kernel_reset();
	if (way != BY_RSEQ)
		kernel_refuse(SYS_rseq, ENOSYS);
	heap_start(rseq_at);
	if (!heap_create(HEAP_BYTES))
		tap_bail_out("no heap");
	if (way == UNDER_LOCK)
		cpu_lists_rseq()->cpu_id = CPU_AWAY;
}

/* @place: NULL: to the end, to see the way. */
static bool lead_victim(const struct scenario *scenario, const struct place *place)
{
	enum way result;

	if (!victim_begins(&victim))
		return broken("the victim does not get to its beginning");
	result = place ? way_lead(&victim, place) : way_explore(&victim);
	if (result == WAY_LOST) {
		victim_says_where(&victim, point.where, WHERE);
		return broken("the victim hangs");
	}
	if (result == WAY_ENDED && place)
		tally.missed++;
	return stage->phase[0] != 2 || stage->result == scenario->result ||
	       broken("the victim got the wrong answer");
}

static int use(unsigned count, size_t size)
{
	void *blocks[40];

	for (unsigned i = 0; i < count; i++) {
		char *block = blocks[i] = heap_calls.calloc(1, size);

		must(block && block[0] == 0 && block[size - 1] == 0);
		block[0] = block[size - 1] = 0x55;
	}
	for (unsigned i = 0; i < count; i++)
		heap_calls.free(blocks[i]);
	return CHILD_GOOD;
}

/* All of the heap, by a process that comes later. */
static int use_all(void)
{
	static const size_t small[] = { 1, 16, SIZE, 3 * SIZE, 20000 };
	static const size_t large[] = { LARGE, LARGE / 2, UNIT_SIZE };
	void *blocks[3];

	signal(SIGALRM, SIG_DFL); /* not a tick */
	alarm(20);
	for (unsigned class = 1; class <= CLASSES; class++) {
		must(slabs_take(class, blocks, 3) == 3);
		must(slabs_give(class, blocks, 3));
	}
	for (unsigned i = 0; i < FONDUE_COUNT(small); i++)
		must(use(40, small[i]) == CHILD_GOOD);
	for (unsigned i = 0; i < FONDUE_COUNT(large); i++)
		must(use(6, large[i]) == CHILD_GOOD);
	return CHILD_GOOD;
}

static bool are_units_right(void)
{
	struct heap *heap = heap_map.heap;
	uint64_t used = 0, idle = 0;

	for (uint32_t i = 1; i < heap->top;) {
		unsigned kind = heap_map.kinds[i];
		uint32_t count = kind == KIND_LARGE ? heap_map.unit[i].count : 1;

		if (kind == KIND_REST || !count || i + count > heap->top)
			return false;
		for (uint32_t j = 1; j < count; j++)
			if (heap_map.kinds[i + j] != KIND_REST)
				return false;
		if (kind == KIND_FREE_UNIT && i < heap->hint)
			return false;
		for (uint32_t j = 0; j < count; j++)
			idle += heap_map.idle[i + j];
		used += kind == KIND_FREE_UNIT ? 0 : count;
		i += count;
	}
	return used == atomic_load(&heap->used_units) && idle == atomic_load(&heap->idle_units);
}

static uint32_t bits_of(uint32_t unit)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < BITMAP_WORDS; i++)
		count += __builtin_popcountll(heap_map.bitmaps[(size_t)unit * BITMAP_WORDS + i]);
	return count;
}

/* A slab with free blocks is in the list of its class, once; others are not. */
static bool is_list_right(unsigned class, unsigned home, uint32_t *listed)
{
	uint32_t before = 0;

	for (uint32_t i = heap_map.heap->classes[class].first[home]; i; i = heap_map.unit[i].next) {
		if (heap_map.kinds[i] != class || heap_map.unit[i].previous != before ||
			heap_map.unit[i].home != home || !heap_map.unit[i].is_listed ||
			++*listed > heap_map.heap->top)
			return false;
		before = i;
	}
	return true;
}

static bool are_slabs_right(unsigned class)
{
	uint32_t listed = 0, found = 0;

	for (unsigned home = 0; home < HOMES; home++)
		if (!is_list_right(class, home, &listed))
			return false;
	for (uint32_t i = 1; i < heap_map.heap->top; i++)
		if (heap_map.kinds[i] == class) {
			if (heap_map.unit[i].free != bits_of(i))
				return false;
			found += bits_of(i) != 0;
		}
	return listed == found;
}

static bool is_right(void)
{
	for (unsigned class = 1; class <= CLASSES; class++)
		if (!are_slabs_right(class))
			return broken("the slabs of a class are not right");
	return are_units_right() || broken("the units are not right");
}

static struct fondue_heap_figures figures(void)
{
	struct fondue_heap_figures stats = { .size = sizeof(stats) };

	(void)heap_stats(&stats);
	return stats;
}

/* Locks that are not free, when somebody waits for one for too long. */
static void say_locks(pid_t pid)
{
	const struct heap *heap = heap_map.heap;

	tap_note("  pid %d, in state %c; of the units %#x %#x, of the owners %#x %#x", (int)pid,
		state_of(pid), heap->lock.word, heap->lock.wait, heap->owners_lock.word,
		heap->owners_lock.wait);
	for (unsigned class = 1; class <= CLASSES; class++)
		if (heap->classes[class].lock.word)
			tap_note("  of class %u %#x %#x", class, heap->classes[class].lock.word,
				heap->classes[class].lock.wait);
}

static bool who_comes_later_goes_on(void)
{
	pid_t pid = start(use_all);
	int status = await_end(pid);

	if (status == -1) {
		say_locks(pid);
		kill(pid, SIGKILL);
		return broken("who comes later hangs");
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != CHILD_GOOD) {
		tap_note("  status %#x", (unsigned)status);
		return broken("who comes later does not get on");
	}
	return true;
}

static bool is_whole_again(void)
{
	struct fondue_heap_figures stats;

	if (heap_check(NULL, NULL))
		return broken("the heap is damaged");
	stats = figures();
	if (stats.lost_blocks > 1 + LIST_MAX / 2)
		return broken("more than a batch is lost");
	tally.lost += stats.lost_blocks;
	if (stats.lost_blocks > tally.most_lost)
		tally.most_lost = stats.lost_blocks;
	return (!stats.refused || broken("a free was refused")) && is_right();
}

static bool all_is_given_back(void)
{
	struct fondue_heap_figures stats;

	(void)heap_reclaim(0);
	(void)heap_reclaim(getpid());
	stats = figures();
	if (stats.lost_blocks || stats.dead_blocks ||
		stats.blocks != (point.scenario->before == use_slabs))
		return broken("not all is given back");
	return is_right();
}

static bool die_once(const struct scenario *scenario, const struct place *place)
{
	make_heap();
	memset((void *)stage, 0, sizeof(*stage));
	point.scenario = scenario;
	point.n = place ? place->step : 0;
	snprintf(point.where, WHERE, "its beginning");
	if (scenario->before)
		scenario->before();
	if (!victim_is_born(&victim, scenario))
		tap_bail_out("no victim");
	if (!lead_victim(scenario, place))
		return false;
	victim_says_where(&victim, point.where, WHERE);
	if (!victim_dies(&victim))
		return broken("the victim does not die");
	tally.deaths++;
	return who_comes_later_goes_on() && is_whole_again() && all_is_given_back();
}

/* @place: NULL: after all. */
static bool die(const struct scenario *scenario, const struct place *place)
{
	bool good = die_once(scenario, place);

	victim_dies(&victim);
	return good;
}

static bool die_everywhere(const struct scenario *scenario, unsigned points)
{
	const struct place *places;
	unsigned count, stride, n;
	long long from = now();

	if (!die(scenario, NULL))
		return false;
	count = way_places(&places);
	stride = points && count > points ? count / points : 1;
	for (n = (unsigned)now() % stride; n < count; n += stride)
		if (!die(scenario, &places[n]))
			return false;
	tap_note("%s%s: %u deaths in %u steps, %u elsewhere; %.2f blocks lost each, %u at most; "
		 "%.1f ms each", scenario->name, ways[way], tally.deaths,
		way_steps(), tally.missed, (double)tally.lost / tally.deaths,
		(unsigned)tally.most_lost, (now() - from) / 1e6 / tally.deaths);
	/* it goes the same way each time, but where it reads numbers out of /proc */
	return tally.missed <= 1 + tally.deaths / 5 || broken("places are missed");
}

static bool die_at(const struct scenario *scenario, unsigned step)
{
	const struct place *places;
	unsigned count;

	if (!die(scenario, NULL))
		return false;
	count = way_places(&places);
	for (unsigned i = 0; i < count; i++)
		if (places[i].step == step)
			return die(scenario, &places[i]);
	return broken("there is no such place");
}

/* On another processor there are other lists, and it would go another way. */
static void stay_on_processor(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	(void)sched_setaffinity(0, sizeof(here), &here);
}

static void see_inside(void)
{
	void *at = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		tap_bail_out("no memory");
	stage = at;
	kept = (void *volatile *)((char *)at + (1 << 15));
	if (!registry_create())
		tap_bail_out("no registry");
	identity_start();
	ticks_start();
	stay_on_processor();
}

/* Each in a process of its own, of which it may make what it likes. */
static bool plays(const struct scenario *scenario, unsigned points, const char *at)
{
	pid_t pid = fork();

	if (pid < 0)
		tap_bail_out("no child");
	if (pid == 0) {
		see_inside();
		_exit((at ? die_at(scenario, atoi(at)) : die_everywhere(scenario, points)) ?
				CHILD_GOOD :
				1);
	}
	return unit_wait(pid) == CHILD_GOOD;
}

static void play_all(unsigned points, const char *wanted, const char *at)
{
	char name[128];

	for (unsigned i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		if (!strstr(scenarios[i].name, wanted))
			continue;
		/* what is no list is the same whose they are */
		if (way == UNDER_LOCK && !strstr(scenarios[i].name, "list"))
			continue;
		snprintf(name, sizeof(name), "%s%s", scenarios[i].name, ways[way]);
		test(name, plays(&scenarios[i], points, at));
	}
}

int main(int argc, char **argv)
{
	const char *wanted = argc > 2 ? argv[2] : "", *at = argc > 3 ? argv[3] : NULL;
	unsigned points = argc > 1 ? atoi(argv[1]) : 0;

	errno = victim_can_be_stepped();
	if (errno) {
		tap_note("ptrace: %s", strerror(errno));
		tap_skip_all("no process can be stepped here");
	}
	for (way = BY_THREAD; way <= BY_RSEQ; way++)
		if (way != BY_RSEQ || (&__rseq_size && __rseq_size))
			play_all(points, wanted, at);
	return tap_done();
}
