/* SPDX-License-Identifier: MIT */
/*
 * backtrace.c - a snapshot, unwound and named
 *
 * All that is needed for it lies in one mapping that lives as long as the result: the table
 * of mappings, pages that were read, the frames, their names. Its pages are touched as far
 * as they are used.
 */
#include <sys/mman.h>

#include "backtrace.h"
#include "cfi.h"
#include "chain.h"

struct work {
	struct backtrace result; /* first */
	struct unwind_work unwind;
	struct step steps[BACKTRACE_MAX];
	struct name names[BACKTRACE_MAX];
	struct name batch[BACKTRACE_MAX];
	unsigned batch_frames[BACKTRACE_MAX];
	struct binaries binaries;
	struct names_scratch scratch;
	struct target target;
};

static void add(struct work *work, const struct step *step, bool is_behind_gap)
{
	struct frame *frame = &work->result.frames[work->result.count++];

	*frame = (struct frame){ .step = *step, .is_behind_gap = is_behind_gap,
		.binary = binaries_find(&work->binaries, &work->target, step_place(step)) };
	frame->offset = step->pc - (frame->binary ? frame->binary->bias : 0);
}

static void unwind_from(struct work *work, const struct snapshot *snapshot,
	const struct registers *from, unsigned max)
{
	struct backtrace *result = &work->result;
	bool is_second = result->count > 0;
	unsigned count = unwind_steps(snapshot, from, &work->target, &work->binaries,
		&work->unwind, work->steps, max - result->count, &result->end,
		&result->where);

	for (unsigned i = 0; i < count; i++) {
		work->steps[i].is_guess |= is_second; /* see is_active_still() */
		add(work, &work->steps[i], is_second && i == 0);
	}
}

#if defined(__x86_64__)
static bool is_one_function(struct work *work, uintptr_t a, uintptr_t b)
{
	const struct binary *binary = binaries_find(&work->binaries, &work->target, a);
	struct cfi of_a, of_b;

	return binary && binary->is_elf && cfi_check(&work->target, binary, a, &of_a) == 0 &&
	       cfi_check(&work->target, binary, b, &of_b) == 0 && of_a.record == of_b.record;
}

/*
 * The function of the second place may have returned since, and what it left on the stack looks
 * like frames still. If it has not, it has called somebody, who returns to it: that address
 * lies just below its part of the stack, which is of one size most often. Nobody need have
 * written over an older one, though: the frames are likely, and not certain.
 */
static bool is_active_still(struct work *work, const struct snapshot *snapshot)
{
	const uintptr_t *at = snapshot->earlier.at;
	uintptr_t back;

	return snapshot_read(snapshot, at[REGISTER_SP] - sizeof(back), &back) &&
	       chain_returns_to(&work->target, back) &&
	       is_one_function(work, at[REGISTER_PC], back - 1);
}
#else /* a callee keeps the address that it returns to wherever it likes */
static bool is_active_still(struct work *work, const struct snapshot *snapshot)
{
	(void)work;
	(void)snapshot;
	return true;
}
#endif

static bool is_earlier_known(const struct snapshot *snapshot)
{
	return register_is_known(&snapshot->earlier, REGISTER_PC) &&
	       register_is_known(&snapshot->earlier, REGISTER_SP);
}

/* Below what was found nothing of the second place can be left. */
static bool has_second_place(struct work *work, const struct snapshot *snapshot)
{
	const struct backtrace *result = &work->result;
	uintptr_t sp = result->end == UNWIND_TOO_MANY ?
			       result->frames[result->count - 1].step.sp :
			       snapshot->registers.at[REGISTER_SP];

	return result->end != UNWIND_COMPLETE && result->count < BACKTRACE_MAX &&
	       is_earlier_known(snapshot) && snapshot->earlier.at[REGISTER_SP] > sp &&
	       is_active_still(work, snapshot);
}

/* Of a deep stack so many frames are told from where the lock was taken on. */
#define OUTER 16

static void find_frames(struct work *work, const struct snapshot *snapshot)
{
	struct backtrace *result = &work->result;
	bool is_known = is_earlier_known(snapshot);

	unwind_from(work, snapshot, &snapshot->registers, BACKTRACE_MAX - (is_known ? OUTER : 0));
	if (has_second_place(work, snapshot)) {
		unwind_from(work, snapshot, &snapshot->earlier, BACKTRACE_MAX);
		return;
	}
	if (!is_known || result->end != UNWIND_TOO_MANY)
		return;
	result->count = 0; /* there was room for more */
	unwind_from(work, snapshot, &snapshot->registers, BACKTRACE_MAX);
}

/* Where it is, as a number, is all that can be told. */
static void find_place(struct work *work, const struct snapshot *snapshot)
{
	const struct step step = { .pc = snapshot->registers.at[REGISTER_PC],
		.sp = snapshot->registers.at[REGISTER_SP], .is_exact = true };

	add(work, &step, false);
	work->result.end = UNWIND_NO_MAPPINGS;
}

/* Name all frames in the object of @first, which is the first of them. */
static void name_object(struct work *work, unsigned first)
{
	struct backtrace *result = &work->result;
	const struct binary *binary = result->frames[first].binary;
	unsigned count = 0;
	int error;

	for (unsigned i = first; i < result->count; i++)
		if (result->frames[i].binary == binary) {
			work->batch[count].address = step_place(&result->frames[i].step);
			work->batch_frames[count++] = i;
		}
	error = names_find(
		&work->target, binary, NAMES_CODE, work->batch, count, &work->scratch);
	for (unsigned i = 0; i < count; i++) {
		struct frame *frame = &result->frames[work->batch_frames[i]];
		struct name *name = &work->names[work->batch_frames[i]];

		*name = work->batch[i];
		frame->file_changed = error == -ESTALE;
		frame->symbol = *name->text ? name->text : NULL;
		frame->symbol_offset = frame->symbol ? frame->step.pc - name->start : 0;
	}
}

static bool is_first_of_object(const struct backtrace *result, unsigned index)
{
	for (unsigned i = 0; i < index; i++)
		if (result->frames[i].binary == result->frames[index].binary)
			return false;
	return result->frames[index].binary != NULL;
}

const struct backtrace *backtrace_make(const struct snapshot *snapshot)
{
	long at = sys_call(SYS_mmap, 0, sizeof(struct work), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct work *work = (void *)at;

	if (sys_failed(at))
		return NULL;
	if (target_open(&work->target, snapshot->pid) == 0)
		find_frames(work, snapshot);
	else
		find_place(work, snapshot);
	for (unsigned i = 0; i < work->result.count; i++)
		if (is_first_of_object(&work->result, i))
			name_object(work, i);
	return &work->result;
}

void backtrace_free(const struct backtrace *backtrace)
{
	(void)sys_call(SYS_munmap, backtrace, sizeof(struct work));
}

bool backtrace_is_complete(const struct backtrace *backtrace)
{
	for (unsigned i = 0; i < backtrace->count; i++)
		if (backtrace->frames[i].is_behind_gap)
			return false;
	return backtrace->end == UNWIND_COMPLETE;
}

static const char *const end_text[UNWIND_ENDS] = {
	[UNWIND_COMPLETE] = "complete",
	[UNWIND_NO_TABLES] = "no unwind tables",
	[UNWIND_BAD_TABLES] = "damaged unwind tables",
	[UNWIND_NO_REGISTER] = "it takes a register that cannot be seen from outside",
	[UNWIND_STACK_ENDS] = "the copy of the stack ends",
	[UNWIND_BAD_FRAME] = "the stack makes no sense",
	[UNWIND_TOO_MANY] = "more frames than are shown",
	[UNWIND_BUSY] = "the unwinder is in use; frame pointers were followed",
	[UNWIND_NO_UNWINDER] = "libunwind is not there; frame pointers were followed",
	[UNWIND_NO_MAPPINGS] = "this process may not see what is mapped in that one",
};

const char *backtrace_end_text(enum unwind_end end)
{
	return end_text[end];
}
