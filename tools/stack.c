/* SPDX-License-Identifier: MIT */
/*
 * stack.c - asking the runtime's rooms for a stack, from outside
 *
 * A thread that sleeps shows its program counter and stack pointer in /proc, and its memory
 * to whoever may trace it; nothing is stopped and nothing signalled. The stack is copied, and
 * the copy is unwound here, in this process. A thread that runs cannot be looked at this
 * way.
 */
#include <errno.h>
#include <stdlib.h>

#include "../preload/backtrace.h"
#include "code.h"
#include "memory.h"
#include "stack.h"

struct stack {
	const struct backtrace *frames;
	char build_id[CODE_BUILD_ID];
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

struct stack *stack_take(pid_t pid, pid_t tid, const char **ret_why)
{
	static unsigned char bytes[SNAPSHOT_STACK_MAX];
	static bool is_started;
	struct snapshot snapshot;
	struct stack *stack;
	int error;

	if (!is_started)
		(void)unwind_start(NULL); /* without it frames are guessed, and said to be */
	is_started = true;
	error = snapshot_take_sleeping(pid, tid, bytes, sizeof(bytes), &snapshot);
	if (error) {
		*ret_why = explain(error);
		return NULL;
	}
	stack = memory_get(sizeof(*stack));
	stack->frames = backtrace_make(&snapshot);
	if (stack->frames)
		return stack;
	free(stack);
	*ret_why = "there is no memory for it";
	return NULL;
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
