/* SPDX-License-Identifier: MIT */
/*
 * park.c - futexes
 *
 * A sleeper waits for two things at once: a release, on &lock->wait, and the death of the
 * owner that it saw, on the life in that owner's slot (FUTEX_WAITV, Linux 5.16). The kernel
 * wakes one sleeper of a dead thread's life, so that one wakes all others. Where the kernel
 * lacks FUTEX_WAITV or a sandbox refuses it, sleeps on the lock alone are short, and the
 * owner's life is looked at after each.
 */
#include <limits.h>
#include <stdatomic.h>
#include <time.h>

#include "park.h"
#include "registry.h"

/* <linux/futex.h>, <linux/membarrier.h>: musl's compiler does not find them */
#define FUTEX_WAKE		1
#define FUTEX_WAIT_BITSET	9 /* its time-out is absolute */
#define FUTEX2_SIZE_U32		2
#define MEMBARRIER_EXPEDITED	(1 << 1)
#define MEMBARRIER_REGISTER	(1 << 2)
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* on every architecture */
#endif

struct wait_on {
	uint64_t value;
	uint64_t address;
	uint32_t flags;
	uint32_t reserved;
};

/* Without FUTEX_WAITV: how long a dead owner may go unnoticed. */
#define LOOK_NS 5000000

static atomic_bool no_waitv; /* relaxed: found out again at worst */

uint64_t now_ns(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now); /* libc's: no system call */
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static struct timespec at_time(uint64_t ns)
{
	return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

/* What libc does without a system call, and another preload may do in its place. */
static uint64_t kernels_now_ns(void)
{
	struct timespec now = { 0 };

	(void)sys_call(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* Farther apart than two looks at one clock ever are, but on a machine that has slept. */
#define OTHER_CLOCK_NS 1000000000ULL

struct timespec park_time(uint64_t at)
{
	static _Atomic enum { UNKNOWN, SAME, DIFFERENT } clocks; /* relaxed: the same again */
	uint64_t now, kernels_now;

	if (atomic_load_explicit(&clocks, memory_order_relaxed) == SAME)
		return at_time(at);
	now = now_ns();
	kernels_now = kernels_now_ns();
	if (!atomic_load_explicit(&clocks, memory_order_relaxed))
		atomic_store_explicit(&clocks,
			kernels_now - now + OTHER_CLOCK_NS < 2 * OTHER_CLOCK_NS ? SAME :
										  DIFFERENT,
			memory_order_relaxed);
	return at_time(at > now ? kernels_now + (at - now) : kernels_now);
}

static enum awake awake_from(long result)
{
	if (result == -ETIMEDOUT)
		return AWAKE_LATE;
	if (result == -EINTR)
		return AWAKE_CUT;
	return result < 0 ? AWAKE_AGAIN : AWAKE_WOKEN;
}

/* Looks after LOOK_NS, so late means "look again" unless it is @until. */
static enum awake park_briefly(fondue_spinlock_t *lock, uint32_t wait, uint64_t until)
{
	uint64_t soon = now_ns() + LOOK_NS;
	struct timespec end = park_time(soon < until ? soon : until);
	long result = sys_call(SYS_futex, &lock->wait, FUTEX_WAIT_BITSET, wait, &end, NULL, -1);

	return result == -ETIMEDOUT && soon < until ? AWAKE_CUT : awake_from(result);
}

/* Say that somebody watches it, or the kernel marks the death and wakes nobody. */
static bool watch(_Atomic uint32_t *life, uint32_t *ret_value)
{
	uint32_t value = atomic_load(life);

	if ((value & LIFE_ENDED) || !value)
		return false;
	if (!(value & LIFE_WATCHED) &&
		!atomic_compare_exchange_strong(life, &value, value | LIFE_WATCHED))
		return false;
	*ret_value = value | LIFE_WATCHED;
	return true;
}

enum awake park(fondue_spinlock_t *lock, uint32_t wait, uint32_t owner, uint64_t until)
{
	struct wait_on on[2] = { { .value = wait, .address = (uintptr_t)&lock->wait,
		.flags = FUTEX2_SIZE_U32 } };
	bool watches = owner && owner < SLOT_ANONYMOUS;
	struct timespec end = park_time(until);
	uint32_t life;
	long result;

	if (atomic_load_explicit(&no_waitv, memory_order_relaxed))
		return park_briefly(lock, wait, until);
	if (watches) {
		if (!watch(registry_life(owner), &life))
			return AWAKE_AGAIN;
		on[1] = (struct wait_on){ .value = life,
			.address = (uintptr_t)registry_life(owner),
			.flags = FUTEX2_SIZE_U32 };
	}
	result = sys_call(SYS_futex_waitv, on, watches ? 2 : 1, 0, &end, CLOCK_MONOTONIC);
	if (result == -ENOSYS || result == -EPERM)
		atomic_store_explicit(&no_waitv, true, memory_order_relaxed);
	if (result != 1)
		return awake_from(result);
	/* of all who watch this life the kernel woke us: pass it on */
	(void)sys_call(SYS_futex, registry_life(owner), FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	return AWAKE_DEATH;
}

long unpark(fondue_spinlock_t *lock, int count)
{
	long woken = sys_call(SYS_futex, &lock->wait, FUTEX_WAKE, count, NULL, NULL, 0);

	return woken > 0 ? woken : 0;
}

bool park_has_barrier(void)
{
	return sys_call(SYS_membarrier, MEMBARRIER_REGISTER, 0, 0) == 0;
}

bool park_barrier(void)
{
	return sys_call(SYS_membarrier, MEMBARRIER_EXPEDITED, 0, 0) == 0;
}
