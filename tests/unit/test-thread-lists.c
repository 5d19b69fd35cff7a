/* SPDX-License-Identifier: MIT */
/*
 * Description: a thread's lists are its own, until it has ended; then they are its heir's
 */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include "heap-made.h"

#define CLASS 20
#define MAX   (size_classes[CLASS].list / 2u)

/* What is put in: these lists do not look at what it is. */
static void *token(uintptr_t number)
{
	return (void *)(number * 16);
}

/* Where nobody is registered for rseq(2), whatever libc has done. */
static bool make_one(void)
{
	static __thread struct rseq_area nobodys = { .cpu_id = CPU_REFUSED };

	if (!make_heap(16 << 20, false))
		return false;
	cpu_lists_rseq_at = (char *)&nobodys - fondue_thread_();
	return true;
}

static pid_t start(int (*play)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(play());
	return pid;
}

static bool join(void)
{
	return owners_self() && thread_lists_join();
}

static struct list *list_of(uint64_t at_hand)
{
	return thread_lists_at(at_hand % OWNERS_LIFE, CLASS);
}

static struct list *mine(void)
{
	return thread_lists_mine.at_hand ? list_of(thread_lists_mine.at_hand) : NULL;
}

static unsigned in_list(const struct list *list)
{
	return list->word & LIST_COUNT;
}

static int play_order(void)
{
	must(make_one());
	must(!thread_lists_pop(CLASS) && !thread_lists_push(CLASS, token(1)));
	must(join() && mine() && !thread_lists_pop(CLASS));
	for (unsigned i = 1; i <= MAX; i++)
		must(thread_lists_push(CLASS, token(i)));
	must(!thread_lists_push(CLASS, token(99)));
	for (unsigned i = MAX; i; i--)
		must(thread_lists_pop(CLASS) == token(i));
	must(!thread_lists_pop(CLASS) && mine()->word >> 16 == MAX);
	return CHILD_GOOD;
}

static int play_batches(void)
{
	void *blocks[LIST_MAX], *got[LIST_MAX];

	for (unsigned i = 0; i < LIST_MAX; i++)
		blocks[i] = token(i + 1);
	must(make_one() && thread_lists_fill(CLASS, blocks, 3) == 0 && join());
	must(thread_lists_drain(CLASS, got, 3) == 0);
	must(thread_lists_fill(CLASS, blocks, 3) == 3);
	must(thread_lists_fill(CLASS, blocks + 3, LIST_MAX - 3) == MAX - 3);
	must(thread_lists_fill(CLASS, blocks, 1) == 0);
	must(thread_lists_drain(CLASS, got, 2) == 2 && in_list(mine()) == MAX - 2);
	must(got[0] == token(MAX - 1) && got[1] == token(MAX));
	must(thread_lists_drain(CLASS, got, LIST_MAX) == MAX - 2 && got[0] == token(1));
	must(mine()->word == 0); /* to be moved is not to be taken */
	return CHILD_GOOD;
}

static bool has_none(void)
{
	void *block = token(5);

	return !thread_lists_pop(CLASS) && !thread_lists_push(CLASS, block) &&
	       !thread_lists_fill(CLASS, &block, 1) && !thread_lists_drain(CLASS, &block, 1);
}

/* A signal handler that comes while a list is being changed. */
static int play_interrupted(void)
{
	struct thread_change change;

	must(make_one() && join() && thread_lists_push(CLASS, token(1)));
	must(thread_lists_begin(CLASS, &change) && change.count == 1);
	must(has_none() && !thread_lists_join() && in_list(change.list) == 1);
	/* it gets one the other way */
	must(heap_calls.malloc(100) && in_list(change.list) == 1);
	thread_lists_end(&change);
	must(thread_lists_join() && thread_lists_pop(CLASS) == token(1));
	return CHILD_GOOD;
}

/* The child of a vfork() has none, and its parent has them again. */
static int play_away(void)
{
	must(make_one() && join() && thread_lists_push(CLASS, token(1)));
	cpu_lists_rseq()->cpu_id = CPU_AWAY;
	must(has_none() && !thread_lists_join());
	cpu_lists_rseq()->cpu_id = CPU_REFUSED;
	must(thread_lists_join() && thread_lists_pop(CLASS) == token(1));
	return CHILD_GOOD;
}

static struct list *parents;

static int be_child(void)
{
	void *block = token(7);

	must(mine() == parents && has_none());
	must(join() && mine() != parents && in_list(mine()) == 0);
	must(thread_lists_fill(CLASS, &block, 1) == 1 && thread_lists_pop(CLASS) == block);
	return CHILD_GOOD;
}

static void *get_identity(void *arg)
{
	(void)identity_get();
	return arg;
}

/* Then nothing tells that the other thread has its parent's. */
static int be_child_with_thread(void)
{
	pthread_t thread;

	must(pthread_create(&thread, NULL, get_identity, NULL) == 0);
	must(pthread_join(thread, NULL) == 0);
	must(owners_self() && (!thread_lists_join() || mine() != parents));
	return CHILD_GOOD;
}

static int play_forked(void)
{
	must(make_one() && join() && thread_lists_push(CLASS, token(1)));
	parents = mine();
	must(unit_wait(start(be_child)) == CHILD_GOOD);
	for (unsigned i = 0; i < 2; i++) {
		pid_t pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

		if (pid == 0)
			_exit(i ? be_child_with_thread() : be_child());
		must(unit_wait(pid) == CHILD_GOOD);
	}
	must(in_list(parents) == 1 && thread_lists_pop(CLASS) == token(1));
	return CHILD_GOOD;
}

/* In the middle of a change comes a handler that forks, and the child goes on with it. */
static struct thread_change interrupted;

static int go_on(void)
{
	must(!thread_lists_are_ours(&interrupted));
	thread_lists_end(&interrupted);
	return be_child();
}

/* ... after it has allocated in the handler. */
static int join_and_go_on(void)
{
	must(has_none() && join() && !thread_lists_are_ours(&interrupted));
	thread_lists_end(&interrupted);
	return be_child();
}

static int play_forked_within(void)
{
	must(make_one() && join() && thread_lists_push(CLASS, token(1)));
	parents = mine();
	must(thread_lists_begin(CLASS, &interrupted) && thread_lists_are_ours(&interrupted));
	must(unit_wait(start(go_on)) == CHILD_GOOD);
	must(unit_wait(start(join_and_go_on)) == CHILD_GOOD);
	must(thread_lists_are_ours(&interrupted));
	thread_lists_end(&interrupted);
	must(in_list(parents) == 1 && thread_lists_pop(CLASS) == token(1));
	return CHILD_GOOD;
}

static int leave_one(void)
{
	must(join() && in_list(mine()) == 0 && thread_lists_push(CLASS, token(3)));
	raise(SIGKILL);
	return 1;
}

static int find_one(void)
{
	must(join() && in_list(mine()) == 1 && thread_lists_pop(CLASS) == token(3));
	return CHILD_GOOD;
}

static int play_inherited(void)
{
	must(make_one() && join());
	must(unit_wait(start(leave_one)) == 1000 + SIGKILL);
	must(unit_wait(start(find_one)) == CHILD_GOOD);
	return CHILD_GOOD;
}

static void *use_one(void *arg)
{
	if (join() && mine() != parents)
		heap_calls.free(heap_calls.malloc(100));
	return arg;
}

static int leave_some(void)
{
	heap_calls.free(heap_calls.malloc(16));
	heap_calls.free(heap_calls.malloc(5000));
	must(heap_calls.malloc(16));
	return CHILD_GOOD;
}

static uint64_t at_hand(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < CPUS; i++)
		for (unsigned class = 1; class <= CLASSES; class++)
			sum += heap_map.cpus[i].lists[class].word & LIST_COUNT;
	return sum;
}

/* Threads that have ended leave nothing at hand that is not to be had again. */
static int play_reclaimed(void)
{
	pthread_t thread;

	must(make_one() && join());
	parents = mine();
	must(unit_wait(start(leave_some)) == CHILD_GOOD);
	must(pthread_create(&thread, NULL, use_one, NULL) == 0);
	must(pthread_join(thread, NULL) == 0);
	must(at_hand() > 0 && heap_check(NULL, NULL) == 0);
	must(figures().lost_blocks == 0 && figures().dead_blocks == 1);
	must(heap_reclaim(0) == 1 && at_hand() == 0 && heap_check(NULL, NULL) == 0);
	must(figures().blocks == 0 && figures().allocations == 4);
	return CHILD_GOOD;
}

int main(void)
{
	if (is_emulated()) {
		skip("the heap", "the emulator has no robust futexes, and ignores MADV_REMOVE");
		return tap_done();
	}
	test_play("last in, first out, and no more than fit", play_order);
	test_play("batches go in and out, as far as they fit", play_batches);
	test_play("who interrupts a change has none", play_interrupted);
	test_play("nor has the child of a vfork()", play_away);
	test_play("a child gets others, however it was forked", play_forked);
	test_play("and so it does in the middle of a change", play_forked_within);
	test_play("who gets a dead one's slot gets its lists", play_inherited);
	test_play("what the dead had at hand is given back", play_reclaimed);
	return tap_done();
}
