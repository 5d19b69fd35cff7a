/* SPDX-License-Identifier: MIT */
/*
 * stepping.h - a signal after each instruction of the heap, by the processor's trap flag
 *
 * A restartable sequence that is interrupted after each instruction never ends: only where
 * no thread is registered for rseq(2).
 */
#pragma once

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include <fondue/heap.h>

#include "../unit/unit.h"

#define TRAP_FLAG 0x100

/* The handler of SIGTRAP acts after `at` instructions, and then it comes no more. */
static volatile long step, at;
static void (*volatile act)(void);

static inline void on_trap(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	if (step++ != at)
		return;
	act();
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

#define STEPPED(...)                                                                     \
	do {                                                                             \
		__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" ::"i"(TRAP_FLAG)       \
				 : "memory", "cc");                                      \
		__VA_ARGS__;                                                             \
		__asm__ volatile("pushfq; andq %0, (%%rsp); popfq" ::"i"(~TRAP_FLAG)     \
				 : "memory", "cc");                                      \
	} while (0)

/* This thread, on this processor, where the lists are the same each time. */
static inline bool stepping_starts(void (*what)(void))
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	act = what;
	return sched_setaffinity(0, sizeof(here), &here) == 0 &&
	       sigaction(SIGTRAP, &action, NULL) == 0;
}

/* Are threads registered? By libc or by the runtime; not with musl. EINVAL: it can be done. */
static inline bool has_rseq(void)
{
#if defined(__GLIBC__)
	return syscall(SYS_rseq, NULL, 0, 0, 0) != 0 && errno != ENOSYS;
#else
	return false;
#endif
}

/* What is stepped through: calls, whatever the compiler makes of others. */
static __attribute__((noinline, unused)) void *malloc_it(size_t size)
{
	return fondue_malloc(size);
}

static __attribute__((noinline, unused)) void free_it(void *block)
{
	fondue_free(block);
}

/* So that a list is empty before, or full behind. */
static inline void shift(size_t size, int by)
{
	static void *held[4096];
	static unsigned count;

	for (; by > 0 && count < 4096; by--)
		held[count++] = fondue_malloc(size);
	for (; by < 0 && count; by++)
		fondue_free(held[--count]);
}
