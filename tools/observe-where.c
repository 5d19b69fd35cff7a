/* SPDX-License-Identifier: MIT */
/*
 * observe-where.c - which line of the program a stopped thread has come to
 *
 * Who reads an old value in printf(3), or fails in abort(3), is the caller, not libc: so the
 * callers are gone through until one is in an object whose variables count. What a stack
 * tells of a caller is where the call returns to, so the byte before it is looked up.
 */
#include <stdlib.h>

#include "memory.h"
#include "observe-where.h"
#include "stack.h"

/* An address behind the instruction that is meant. */
static char *describe(const struct space *space, uint64_t address, bool is_wanted)
{
	const struct loaded *loaded = space_loaded(space, address);

	if (!loaded || !loaded->object->is_good)
		return NULL;
	if (!is_wanted && loaded->object->is_left_out)
		return NULL;
	return observed_code(loaded->object, address - loaded->bias);
}

static char *search(struct stack *stack, const struct space *space, bool behind)
{
	struct stack_frame frame;
	char *where = NULL;

	for (unsigned i = 0; i < stack_count(stack) && !where; i++) {
		stack_frame(stack, i, &frame);
		where = describe(space, frame.address - (i || behind), false);
	}
	if (where || !stack_count(stack))
		return where;
	stack_frame(stack, 0, &frame);
	where = describe(space, frame.address - behind, true);
	return where ? where : memory_format("0x%lx", (unsigned long)frame.address);
}

char *where_is(const struct tracee *tracee, bool behind)
{
	struct stack *stack = stack_take_traced(tracee->member->pid, tracee->tid);
	struct space space;
	char *where = NULL;

	if (stack && space_read(&space, tracee->tid)) {
		where = search(stack, &space, behind);
		space_free(&space);
	}
	stack_free(stack);
	return where ? where : memory_copy("?");
}
