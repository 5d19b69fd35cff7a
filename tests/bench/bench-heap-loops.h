/* SPDX-License-Identifier: MIT */
/*
 * bench-heap-loops.h - what is timed, as templates
 *
 * A heap is timed as a user calls it: ours through the header, malloc() as libc exports it,
 * others through the call of their library. So each has its own copy of these loops, in
 * which the two functions are known to the compiler. Every block is written to, a word at
 * its beginning, as whoever allocates one does.
 */
#pragma once

#include <sched.h>

#include "bench-heap.h"

#define INLINE static inline __attribute__((always_inline))
#define TIMED  __attribute__((noinline, aligned(64))) static

typedef void *alloc_function(size_t size);
typedef void free_function(void *block);

INLINE void *take(alloc_function *alloc, size_t size, unsigned long value)
{
	void *block = alloc(size);

	if (__builtin_expect(!block, 0))
		bench_give_up("a heap is full that should not be");
	*(volatile unsigned long *)block = value;
	return block;
}

INLINE void loop_pairs(size_t size, unsigned long count, alloc_function *alloc, free_function *free)
{
	for (; count; count--)
		free(take(alloc, size, count));
}

INLINE void loop_bursts(struct stock *stock, size_t size, unsigned long count,
	alloc_function *alloc, free_function *free)
{
	for (; count; count--) {
		for (unsigned i = 0; i < stock->count; i++)
			stock->blocks[i] = take(alloc, size, i);
		for (unsigned i = 0; i < stock->count; i++)
			free(stock->blocks[i]);
	}
}

/* After larson: whichever it is, of whatever size; the random numbers cost 1 to 2 ns. */
INLINE void loop_churn(struct stock *stock, unsigned long count, alloc_function *alloc,
	free_function *free)
{
	uint32_t random = stock->random;

	for (; count; count--) {
		unsigned which, size;

		random ^= random << 13; /* xorshift32 */
		random ^= random >> 17;
		random ^= random << 5;
		which = (uint64_t)random * stock->count >> 32;
		size = 16 + ((random & 0xffff) * 497 >> 16);
		free(stock->blocks[which]);
		stock->blocks[which] = take(alloc, size, count);
	}
	stock->random = random;
}

/* Told to the other side at once; it costs a cache line. */
#define RING_BATCH 16
/* So often is looked before the other side is given the processor. */
#define RING_LOOKS 100

INLINE unsigned long ring_wait(_Atomic unsigned long *theirs, unsigned long old)
{
	unsigned long now;

	for (unsigned looks = 0;; looks++) {
		/* acquire: what is in the slots; pairs with the release of the other side */
		now = atomic_load_explicit(theirs, memory_order_acquire);
		if (now != old)
			return now;
		if (looks >= RING_LOOKS)
			sched_yield();
		__builtin_ia32_pause();
	}
}

INLINE void loop_produce(struct ring *ring, size_t size, unsigned long count, alloc_function *alloc)
{
	unsigned long at = ring->put, end = at + count, got = ring->got;

	for (; at != end; at++) {
		if (at - got == RING_SIZE) {
			atomic_store_explicit(&ring->put, at, memory_order_release);
			got = ring_wait(&ring->got, got);
		}
		ring->slots[at % RING_SIZE] = take(alloc, size, at);
		if (at % RING_BATCH == 0)
			atomic_store_explicit(&ring->put, at + 1, memory_order_release);
	}
	atomic_store_explicit(&ring->put, at, memory_order_release);
}

INLINE void loop_consume(struct ring *ring, unsigned long count, free_function *free)
{
	unsigned long at = ring->got, end = at + count, put = at;

	for (; at != end; at++) {
		void *block;

		if (at == put) {
			atomic_store_explicit(&ring->got, at, memory_order_release);
			put = ring_wait(&ring->put, put);
		}
		block = ring->slots[at % RING_SIZE];
		if (*(volatile unsigned long *)block != at)
			bench_give_up("a block came along with another one's contents");
		free(block);
		if (at % RING_BATCH == 0)
			atomic_store_explicit(&ring->got, at + 1, memory_order_release);
	}
	atomic_store_explicit(&ring->got, at, memory_order_release);
}

/* The functions of contestant @id, from id##_alloc() and id##_free(). */
#define CONTESTANT(id)                                                                \
	TIMED void id##_pairs(size_t size, unsigned long count)                       \
	{                                                                             \
		loop_pairs(size, count, id##_alloc, id##_free);                       \
	}                                                                             \
	TIMED void id##_bursts(struct stock *stock, size_t size, unsigned long count) \
	{                                                                             \
		loop_bursts(stock, size, count, id##_alloc, id##_free);               \
	}                                                                             \
	TIMED void id##_churn(struct stock *stock, unsigned long count)               \
	{                                                                             \
		loop_churn(stock, count, id##_alloc, id##_free);                      \
	}                                                                             \
	TIMED void id##_produce(struct ring *ring, size_t size, unsigned long count)  \
	{                                                                             \
		loop_produce(ring, size, count, id##_alloc);                          \
	}                                                                             \
	TIMED void id##_consume(struct ring *ring, unsigned long count)               \
	{                                                                             \
		loop_consume(ring, count, id##_free);                                 \
	}

#define FUNCTIONS(id)                                                                 \
	.start = id##_start, .alloc = id##_alloc, .free = id##_free,                  \
	.pairs = id##_pairs, .bursts = id##_bursts, .churn = id##_churn,              \
	.produce = id##_produce, .consume = id##_consume
