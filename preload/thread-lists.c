/* SPDX-License-Identifier: MIT */
/*
 * thread-lists.c - lists that belong to a thread, not to a processor
 *
 * Where the kernel does not send back who is preempted in the middle of a change (an old
 * kernel, a sandbox, an emulator, another libc or architecture), only the thread itself can
 * change a list without an atomic operation, of which two would take longer than all else that
 * a block costs. So each thread has lists of its own, in the memory of the family.
 *
 * WHOSE THEY ARE. Those of the thread's slot (registry.c), by number: nobody else has that slot
 * until the kernel has said that the thread has ended, and who gets it then gets the lists
 * with all that is in them. So nothing need be done when a thread ends, or is killed: a change
 * is one store, as with the lists of processors. fondue_heap_reclaim() empties lists that
 * nobody has come for. A forked child is told apart by the life of its process (owners.h): it
 * finds that the lists are not its own, and gets others with its own slot.
 *
 * SIGNAL HANDLERS come between any two instructions. A thread that changes a list has none at hand
 * meanwhile, and a handler takes the way of those who have none: the lists under a lock
 * (cpu-lists.c). A handler may fork, too, and its child come back to where the parent was
 * interrupted: it finds that these are not its lists, but for the last one or two instructions
 * of a change. There, as within the locks of the heap, it should rather exec or exit.
 *
 * THE CHILD OF A VFORK() is in its parent's memory, and may outlive it: then somebody else would
 * have the slot. It goes the way under a lock, too, where it can be told (hook-vfork.c).
 *
 * Threads whose slot has a number beyond CPU_THREADS have none.
 */
#include "thread-lists.h"
#include "identity.h"
#include "registry.h"

_Static_assert(CPU_THREADS <= OWNERS_LIFE && SLOT_FIRST > 0, "a number beside a life, and not 0");

__thread struct thread_lists thread_lists_mine __attribute__((tls_model("initial-exec")));

/*
 * Of a slot that is this thread's, and no parent's. Return: SLOT_ANONYMOUS: it has none. The
 * child of a bare system call has to sign as its parent while it holds locks; and when another
 * thread of it has taken one first, nobody notices any more that there was a fork.
 */
static uint32_t number_of_slot(void)
{
	struct identity *me = identity_get();

	if (identity_is_inherited() && !identity_is_busy(me) && identity_notice_fork())
		me = identity_get();
	return me->pid == sys_call(SYS_getpid) ? me->number : SLOT_ANONYMOUS;
}

/* Lists up to this one may hold something: for those who go through them all. */
static void note_used(uint32_t number)
{
	_Atomic uint32_t *used = &heap_map.heap->threads_used;
	uint32_t before = atomic_load_explicit(used, memory_order_relaxed);

	while (before <= number &&
		!atomic_compare_exchange_weak_explicit(
			used, &before, number + 1, memory_order_relaxed, memory_order_relaxed))
		;
}

/* A signal handler that comes between, and does the same, does it with the same result. */
static bool join_anew(uint64_t life)
{
	uint32_t number = number_of_slot();

	if (number >= CPU_THREADS)
		return false;
	note_used(number);
	thread_lists_mine.joined = thread_lists_mine.at_hand = life | number;
	return true;
}

bool thread_lists_join(void)
{
	uint64_t life = owners_here->life;

	if (!life || cpu_lists_are_away())
		return false;
	if (thread_lists_number(thread_lists_mine.joined) >= CPU_THREADS)
		return join_anew(life);
	if (!thread_lists_mine.at_hand)
		return false;
	/* not if it was forked in the middle of a change, and came back to it */
	thread_lists_mine.at_hand = thread_lists_mine.joined;
	return true;
}

unsigned thread_lists_home(void)
{
	uint32_t cpu = cpu_lists_cpu();

	return (cpu < CPUS_BY_RSEQ ? cpu : identity_mine()->number) % HOMES;
}

unsigned thread_lists_fill(unsigned class, void *const *blocks, unsigned count)
{
	struct thread_change change;
	unsigned max = thread_lists_max(class), room;

	if (!thread_lists_begin(class, &change))
		return 0;
	room = change.count < max ? max - change.count : 0;
	count = count < room ? count : room;
	if (!thread_lists_are_ours(&change))
		count = 0;
	for (unsigned i = 0; i < count; i++)
		change.list->blocks[change.count + i] = (uintptr_t)blocks[i];
	if (count)
		list_commit(change.list, change.word + count);
	thread_lists_end(&change);
	return count;
}

/* The last of a list whose word is @word, @count at most. Return: how many. */
static unsigned copy_last(const struct list *list, uint64_t word, void **blocks, unsigned count)
{
	unsigned there = word & LIST_COUNT;

	count = count < there ? count : there;
	for (unsigned i = 0; i < count; i++)
		blocks[i] = (void *)list->blocks[there - count + i];
	return count;
}

unsigned thread_lists_drain(unsigned class, void **blocks, unsigned count)
{
	struct thread_change change;

	if (!thread_lists_begin(class, &change))
		return 0;
	count = copy_last(change.list, change.word, blocks, count);
	if (thread_lists_are_ours(&change))
		list_commit(change.list, change.word - count);
	else
		count = 0;
	thread_lists_end(&change);
	return count;
}

unsigned thread_lists_inherit(uint32_t number, unsigned class, void **blocks, unsigned count)
{
	struct list *list = thread_lists_at(number, class);
	uint64_t word = list_word(list);

	if ((word & LIST_COUNT) == 0 || (word & LIST_COUNT) > LIST_MAX ||
		!registry_is_dead(number))
		return 0;
	count = copy_last(list, word, blocks, count);
	list_commit(list, word - count);
	return count;
}
