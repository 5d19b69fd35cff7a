/* SPDX-License-Identifier: MIT */
/*
 * cpu-lists.h - free blocks at hand: of the processor that this thread runs on
 */
#pragma once

#include "heap-layout.h"

/*
 * The kernel's and libc's agreement about restartable sequences (rseq(2)), as far as it is used
 * here; in the thread's own memory, the same distance from the thread pointer in all.
 */
struct rseq_area {
	uint32_t cpu_id_start;
	uint32_t cpu_id; /* >= CPUS_BY_RSEQ: this thread is not registered */
	uint64_t rseq_cs;
	uint32_t flags, spare[3];
} __attribute__((aligned(32)));

/* cpu_id, until the kernel writes one. */
#define CPU_NOT_TRIED UINT32_MAX
#define CPU_REFUSED   (UINT32_MAX - 1)
/* This is the child of a vfork(), not the thread whose memory it is in: see hook-vfork.c. */
#define CPU_AWAY      (UINT32_MAX - 2)

extern FONDUE_INSIDE long cpu_lists_rseq_at;

/* Find out how. @rseq_at: as libc tells (__rseq_offset), or 0: it does not. */
void cpu_lists_start(long rseq_at);

static inline struct rseq_area *cpu_lists_rseq(void)
{
	return (struct rseq_area *)(fondue_thread_() + cpu_lists_rseq_at);
}

static inline uint32_t cpu_lists_cpu(void)
{
	return *(volatile uint32_t *)&cpu_lists_rseq()->cpu_id;
}

static inline bool cpu_lists_are_ours(void)
{
	return cpu_lists_cpu() < CPUS_BY_RSEQ;
}

static inline bool cpu_lists_are_away(void)
{
	return cpu_lists_cpu() == CPU_AWAY;
}

/* As above; a thread that libc has not registered is, if it can be. */
bool cpu_lists_join(void);

/* The slow way, for threads that have no lists of their own either. */
void *cpu_lists_pop_locked(unsigned class, uint32_t hint);
bool cpu_lists_push_locked(unsigned class, void *block, uint32_t hint);

/* Move up to a batch. Return: blocks moved to or from @blocks. */
unsigned cpu_lists_fill(unsigned class, void **blocks, unsigned count, uint32_t hint);
unsigned cpu_lists_drain(unsigned class, void **blocks, unsigned count, uint32_t hint);

#if defined(__x86_64__)
/*
 * A sequence: the kernel sends a thread that is preempted, or moved, or gets a signal, between
 * 1 and 2 to label 4, and from there it begins again at 5. The store before 2 is the last
 * one, and the only one that counts: SIGKILL leaves it done or not done.
 */
#define CPU_SEQUENCE_                                                                    \
	".pushsection __rseq_cs, \"aw\"\n\t.balign 32\n"                                 \
	"3:\t.long 0, 0\n\t.quad 1f, 2f - 1f, 4f\n.popsection\n"                         \
	".pushsection .text.rseq, \"ax\"\n\t.byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n" \
	"4:\tjmp 5f\n.popsection\n"
/* %[list] becomes that of this processor, %[first] being processor 0's; or to 2, no carry. */
#define CPU_BEGIN_                                                                       \
	"5:\tleaq 3b(%%rip), %[list]\n\tmovq %[list], %%fs:8(%[rseq])\n"                 \
	"1:\tmovl %%fs:4(%[rseq]), %k[list]\n\tcmpl %[cpus], %k[list]\n\tjae 2f\n"      \
	"\tshlq $16, %[list]\n\taddq %[first], %[list]\n"                                \
	"\tmovq (%[list]), %[word]\n\tmovzwl %w[word], %k[count]\n"
#define CPU_INPUTS_(class)                                                               \
	[rseq] "r"(cpu_lists_rseq_at), [first] "m"(heap_map.lists[class]),               \
		[cpus] "i"(CPUS_BY_RSEQ)

/*
 * What ends these is a subtraction of a negative number, an addition that leaves a carry: how
 * it went is in a flag, for which nobody has to make room. A move leaves flags alone.
 */

/* Return: false: there is none, or this thread is not registered. */
static inline __attribute__((always_inline)) bool cpu_lists_pop(unsigned class, void **ret_block)
{
	uint64_t list, word, count;
	bool done;

	__asm__ volatile(CPU_SEQUENCE_ CPU_BEGIN_
		"\ttestl %k[count], %k[count]\n\tjz 2f\n"
		"\tmovq (%[list],%[count],8), %[block]\n"
		"\tsubq $-0xffff, %[word]\n" /* one more taken, one less in it */
		"\tmovq %[word], (%[list])\n"
		"2:\n"
		: [list] "=&r"(list), [word] "=&r"(word), [count] "=&r"(count),
		[block] "=&r"(*ret_block), "=@ccc"(done)
		: CPU_INPUTS_(class)
		: "memory");
	return done;
}

/* Return: false: it is full, or this thread is not registered. */
static inline __attribute__((always_inline)) bool cpu_lists_push(unsigned class, void *block)
{
	uint64_t list, word, count;
	bool done;

	__asm__ volatile(CPU_SEQUENCE_ CPU_BEGIN_
		"\tcmpw %[max], %w[count]\n\tjae 2f\n"
		"\tmovq %[block], 8(%[list],%[count],8)\n"
		"\tsubq $-1, %[word]\n"
		"\tmovq %[word], (%[list])\n"
		"2:\n"
		: [list] "=&r"(list), [word] "=&r"(word), [count] "=&r"(count), "=@ccc"(done)
		: CPU_INPUTS_(class), [block] "r"(block), [max] "m"(heap_map.list_max[class])
		: "memory");
	return done;
}
#else
static inline bool cpu_lists_pop(unsigned class, void **ret_block)
{
	(void)class;
	(void)ret_block;
	return false;
}

static inline bool cpu_lists_push(unsigned class, void *block)
{
	(void)class;
	(void)block;
	return false;
}
#endif
