/* SPDX-License-Identifier: MIT */
/*
 * thread-lists.h - free blocks at hand: of this thread, where its processor's cannot be had
 */
#pragma once

#include "cpu-lists.h"
#include "owners.h"

/*
 * The thread's own. Both words: a life of a process (owners.h), and in its low bits the number of
 * the lists that were got in it. So one store says which they are, and whether they still are.
 */
struct thread_lists {
	uint64_t at_hand; /* 0: it has none, or is in the middle of a change */
	uint64_t joined;  /* 0: it never had any */
};

extern FONDUE_INSIDE __thread struct thread_lists thread_lists_mine
	__attribute__((tls_model("initial-exec")));

/*
 * Find them, if this thread can have any. Return: are they at hand? Not for a signal handler
 * that has interrupted a change.
 */
bool thread_lists_join(void);

/* Whose slabs this thread takes blocks from, below HOMES: its processor's, or its own. */
unsigned thread_lists_home(void);

/* Move up to @count, and up to what there is, or room for. Return: blocks moved. */
unsigned thread_lists_fill(unsigned class, void *const *blocks, unsigned count);
unsigned thread_lists_drain(unsigned class, void **blocks, unsigned count);

/* Lists below this number have been somebody's. */
static inline uint32_t thread_lists_used(void)
{
	return atomic_load_explicit(&heap_map.heap->threads_used, memory_order_relaxed);
}

/* Take some back from list @number, if its thread has ended; while nobody allocates or frees. */
unsigned thread_lists_inherit(uint32_t number, unsigned class, void **blocks, unsigned count);

/* A list of a thread holds half of what one of a processor does: there may be many threads. */
static inline unsigned thread_lists_max(unsigned class)
{
	return heap_map.list_max[class] / 2;
}

static inline struct list *thread_lists_at(uint32_t number, unsigned class)
{
	return (struct list *)((char *)heap_map.lists[class] +
			       (CPU_FIRST_THREAD + (size_t)number) * CPU_SIZE);
}

/*
 * The number that @word says; 0 or CPU_THREADS and more: it says none, or was got in another
 * life, as a forked child's that are its parent's still.
 */
static inline uint64_t thread_lists_number(uint64_t word)
{
	return word ^ owners_here->life;
}

/* A list while it is changed: what comes between finds none at hand, and goes another way. */
struct thread_change {
	uint64_t at_hand, number, word;
	struct list *list;
	unsigned count; /* blocks in it */
};

static inline bool thread_lists_begin(unsigned class, struct thread_change *change)
{
	uint64_t at_hand = thread_lists_mine.at_hand, number = thread_lists_number(at_hand);

	if (number - 1 >= CPU_THREADS - 1 || cpu_lists_are_away())
		return false;
	thread_lists_mine.at_hand = 0;
	FONDUE_IN_ORDER_();
	change->at_hand = at_hand;
	change->number = number;
	change->list = thread_lists_at(number, class);
	change->word = list_word(change->list);
	change->count = change->word & LIST_COUNT;
	return true;
}

/*
 * Asked as late as may be before something is written: a signal handler may have forked, and
 * this may be the child, that has come back.
 */
static inline bool thread_lists_are_ours(const struct thread_change *change)
{
	FONDUE_IN_ORDER_();
	return thread_lists_number(change->at_hand) == change->number;
}

static inline void thread_lists_end(const struct thread_change *change)
{
	FONDUE_IN_ORDER_();
	thread_lists_mine.at_hand = change->at_hand;
}

/* Return: NULL: there is none, or there are no lists. */
static inline void *thread_lists_pop(unsigned class)
{
	struct thread_change change;
	void *block = NULL;

	if (!thread_lists_begin(class, &change))
		return NULL;
	if (change.count && thread_lists_are_ours(&change)) {
		block = (void *)change.list->blocks[change.count - 1];
		list_commit(change.list, change.word + LIST_TAKEN - 1);
	}
	thread_lists_end(&change);
	return block;
}

/* Return: false: it is full, or there are none. */
static inline bool thread_lists_push(unsigned class, void *block)
{
	struct thread_change change;
	bool has_room;

	if (!thread_lists_begin(class, &change))
		return false;
	has_room = change.count < thread_lists_max(class) && thread_lists_are_ours(&change);
	if (has_room) {
		change.list->blocks[change.count] = (uintptr_t)block;
		list_commit(change.list, change.word + 1);
	}
	thread_lists_end(&change);
	return has_room;
}
