/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - the registers of a thread, and a piece of its stack, at one moment
 *
 * What is needed to find out later, and elsewhere, how a thread came to where it was. How it
 * was taken makes no difference to the reader: from outside while the thread slept, by the
 * thread itself, or (room is left for it) by a signal handler or a tracer, which know all
 * registers. Registers are numbered as in DWARF, which is how unwind tables name them.
 */
#pragma once

#include <sys/types.h>

#include "base.h"

#if defined(__x86_64__)
enum { REGISTER_FP = 6, REGISTER_SP = 7, REGISTER_PC = 16, REGISTERS };
#define STACK_RED_ZONE 128 /* bytes below the stack pointer that are in use */
#elif defined(__aarch64__)
enum { REGISTER_FP = 29, REGISTER_LR = 30, REGISTER_SP = 31, REGISTER_PC = 32, REGISTERS };
#define STACK_RED_ZONE 0
#else
enum { REGISTER_FP, REGISTER_SP, REGISTER_PC, REGISTERS };
#define STACK_RED_ZONE 0
#endif

struct registers {
	uint64_t known; /* bit N: at[N] is */
	uintptr_t at[REGISTERS];
};

static inline bool register_is_known(const struct registers *registers, unsigned number)
{
	return number < REGISTERS && (registers->known >> number & 1);
}

static inline void register_set(struct registers *registers, unsigned number, uintptr_t value)
{
	registers->at[number] = value;
	registers->known |= 1ULL << number;
}

/* Memory of the thread, copied. */
struct window {
	uintptr_t from; /* where it was */
	size_t size;
	const unsigned char *bytes;
};

/*
 * The second window, and the second place to begin at, are for the moment when the lock was
 * taken: they show the bottom of a deep stack, and what lies behind a frame that cannot
 * be passed.
 */
struct snapshot {
	pid_t pid, tid;
	struct registers registers;
	struct registers earlier; /* none known: there is no second place */
	struct window windows[2]; /* size 0: unused */
};

/* As much of a stack as is looked at: some 500 frames, or the innermost of a deep recursion. */
#define SNAPSHOT_STACK_MAX (64 * 1024)

/* The 8 bytes at @address, if they are in one of the windows. */
bool snapshot_read(const struct snapshot *snapshot, uintptr_t address, uintptr_t *ret_value);

/*
 * snapshot_take_sleeping() - of a thread that sleeps or is stopped, without disturbing it
 * @bytes, @size: where its stack is copied to; must stay as long as the snapshot
 *
 * Only program counter and stack pointer are to be had. Return: 0; -EAGAIN: it is running;
 * -EACCES, -EPERM, -ENOSYS: not allowed here; -ESRCH: it is gone. Other errors: no luck.
 */
int snapshot_take_sleeping(
	pid_t pid, pid_t tid, void *bytes, size_t size, struct snapshot *ret);

/*
 * Copy a piece of this process's own stack. Where process_vm_readv() is refused it is read in
 * place, as far as the mapping reaches: it must be one that stays. Return: bytes, or negative.
 */
long snapshot_copy_own(uintptr_t from, void *bytes, size_t size);

/* Of the calling thread; its innermost frame is this function's. */
int snapshot_take_self(void *bytes, size_t size, struct snapshot *ret);
