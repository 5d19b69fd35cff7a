/* SPDX-License-Identifier: MIT */
/*
 * stack.c - asking the runtime's rooms for a stack, from outside
 *
 * A thread that sleeps shows its program counter and stack pointer in /proc, and its memory
 * to whoever may trace it; nothing is stopped and nothing signalled. The stack is copied, and
 * the copy is unwound here, in this process. A thread that runs cannot be looked at this
 * way.
 *
 * One that waits for a lock may run, since it spins before it sleeps. But it has left in its
 * slot where it asked for the lock, and there it will be until it has it; so its stack is
 * copied from there on, and what is above it is the runtime's. And one that is traced by us is
 * stopped already.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "../preload/backtrace.h"
#include "code.h"
#include "memory.h"
#include "stack.h"

struct stack {
	const struct backtrace *frames;
	char build_id[CODE_BUILD_ID];
	bool is_of_wait;
};

static const char *explain(int error)
{
	switch (error) {
	case -EAGAIN:
		return "it is running";
	case -ESRCH:
		return "it is gone";
	case -EACCES:
	case -EPERM:
		return "it may not be looked at (see ptrace(2) for who may)";
	default:
		return "it cannot be had here";
	}
}

/* One stack is copied at a time. */
static unsigned char bytes[SNAPSHOT_STACK_MAX];

static struct stack *unwind(const struct snapshot *snapshot)
{
	static bool is_started;
	struct stack *stack = memory_get(sizeof(*stack));

	if (!is_started)
		(void)unwind_start(NULL); /* without it frames are guessed, and said to be */
	is_started = true;
	stack->frames = backtrace_make(snapshot);
	if (stack->frames)
		return stack;
	free(stack);
	return NULL;
}

struct stack *stack_take(pid_t pid, pid_t tid, const char **ret_why)
{
	struct snapshot snapshot;
	int error = snapshot_take_sleeping(pid, tid, bytes, sizeof(bytes), &snapshot);
	struct stack *stack = error ? NULL : unwind(&snapshot);

	if (!stack)
		*ret_why = error ? explain(error) : "there is no memory for it";
	return stack;
}

struct stack *stack_take_of_wait(pid_t pid, pid_t tid, const struct fondue_site *site)
{
	struct snapshot snapshot = { .pid = pid, .tid = tid };
	long got = site->sp ? target_copy(tid, site->sp, bytes, sizeof(bytes)) : 0;
	struct stack *stack;

	if (got <= 0)
		return NULL;
	register_set(&snapshot.registers, REGISTER_PC, site->pc);
	register_set(&snapshot.registers, REGISTER_SP, site->sp);
	register_set(&snapshot.registers, REGISTER_FP, site->fp);
	snapshot.windows[0] =
		(struct window){ .from = site->sp, .size = (size_t)got, .bytes = bytes };
	stack = unwind(&snapshot);
	if (stack)
		stack->is_of_wait = true;
	return stack;
}

/* A tracer is told all registers, and so finds every caller. */
static bool read_registers(pid_t tid, struct registers *ret)
{
	struct user_regs_struct all = { 0 };
	struct iovec io = { .iov_base = &all, .iov_len = sizeof(all) };

	if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &io) != 0)
		return false;
#if defined(__x86_64__)
	const uintptr_t in_order[] = { all.rax, all.rdx, all.rcx, all.rbx, all.rsi, all.rdi,
		all.rbp, all.rsp, all.r8, all.r9, all.r10, all.r11, all.r12, all.r13, all.r14,
		all.r15, all.rip };

	for (unsigned i = 0; i < sizeof(in_order) / sizeof(in_order[0]); i++)
		register_set(ret, i, in_order[i]);
	return true;
#elif defined(__aarch64__)
	for (unsigned i = 0; i <= REGISTER_LR; i++)
		register_set(ret, i, all.regs[i]);
	register_set(ret, REGISTER_SP, all.sp);
	register_set(ret, REGISTER_PC, all.pc);
	return true;
#else
	return false;
#endif
}

struct stack *stack_take_traced(pid_t pid, pid_t tid)
{
	struct snapshot snapshot = { .pid = pid, .tid = tid };
	uintptr_t from;
	long got;

	if (!read_registers(tid, &snapshot.registers))
		return NULL;
	from = snapshot.registers.at[REGISTER_SP] - STACK_RED_ZONE;
	got = target_copy(tid, from, bytes, sizeof(bytes));
	if (got > 0)
		snapshot.windows[0] =
			(struct window){ .from = from, .size = (size_t)got, .bytes = bytes };
	return unwind(&snapshot);
}

bool stack_is_of_wait(const struct stack *stack)
{
	return stack->is_of_wait;
}

void stack_free(struct stack *stack)
{
	if (!stack)
		return;
	backtrace_free(stack->frames);
	free(stack);
}

unsigned stack_count(const struct stack *stack)
{
	return stack->frames->count;
}

void stack_frame(struct stack *stack, unsigned i, struct stack_frame *ret)
{
	const struct frame *frame = &stack->frames->frames[i];

	*ret = (struct stack_frame){
		.address = frame->step.pc,
		.function = frame->symbol,
		.function_offset = frame->symbol_offset,
		.is_guess = frame->step.is_guess,
	};
	if (!frame->binary)
		return;
	ret->object = frame->binary->path;
	ret->offset = frame->offset;
	code_print_build_id(&frame->binary->build_id, stack->build_id);
	ret->build_id = *stack->build_id ? stack->build_id : NULL;
}

bool stack_is_complete(const struct stack *stack, const char **ret_why)
{
	*ret_why = backtrace_end_text(stack->frames->end);
	return stack->frames->end == UNWIND_COMPLETE;
}
