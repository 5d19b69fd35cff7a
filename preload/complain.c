/* SPDX-License-Identifier: MIT */
/*
 * complain.c - what a program does to the heap that makes no sense
 *
 * A line for the first time, the second, the fourth, and so on: a loop that frees one block
 * again and again must not fill the log. Of each kind by itself, for one kind must not hide
 * another. It says where it was done, since that is what there is to repair, as far as callers
 * can be told; and whose the block is.
 *
 * It is found out on a stack, and in memory, of its own, as in watch.c: whoever frees a block may
 * have a small stack, or be a signal handler.
 */
#include <sys/mman.h>

#include "complain.h"
#include "aside.h"
#include "backtrace.h"
#include "config.h"
#include "heap-check.h"
#include "heap.h"
#include "log.h"
#include "owners.h"
#include "place.h"
#include "text.h"

#define FRAMES	   3 /* told of the caller, and its callers */
#define STACK_SIZE (256 * 1024)
/* More is not needed for some frames, and is copied in no time. */
#define COPIED	   (16 * 1024)

enum kind { KIND_NO_BLOCK, KIND_NO_START, KIND_AGAIN, KIND_SIZE, KIND_DAMAGED, KINDS };

static atomic_uint times[KINDS];

/* Return: how often by now, if that is to be told; 0: it is not. */
static unsigned count(enum kind kind)
{
	unsigned now = atomic_fetch_add_explicit(&times[kind], 1, memory_order_relaxed) + 1;

	return (now & (now - 1)) == 0 ? now : 0;
}

struct work {
	const void *block;
	const char *why;
	tag owner;
	uintptr_t pc; /* where the program called */
	unsigned times;
	struct snapshot snapshot;
	struct log_text text;
	char words[LOG_LINE_MAX];
	unsigned char copy[COPIED];
	_Alignas(16) char stack[STACK_SIZE];
};

static void add_frame(struct log_text *text, const struct frame *frame)
{
	if (frame->symbol)
		log_add(text, "%s+0x%lx (%s)", frame->symbol,
			(unsigned long)frame->symbol_offset, text_base_name(frame->binary->path));
	else if (frame->binary)
		log_add(text, "%s+0x%lx", text_base_name(frame->binary->path),
			(unsigned long)frame->offset);
	else
		log_add(text, "0x%lx", (unsigned long)frame->step.pc);
}

/* The frames from there on, if they lead there. Return: do they? */
static bool add_callers(struct log_text *text, const struct backtrace *stack, uintptr_t pc)
{
	unsigned i = 0, told = 0;

	while (i < stack->count && stack->frames[i].step.pc != pc)
		i++;
	for (; i < stack->count && told < FRAMES; i++, told++) {
		log_add(text, told ? " < " : "; at ");
		add_frame(text, &stack->frames[i]);
	}
	return told != 0;
}

/* Without an unwinder the way ends in this library. */
static void add_place(struct log_text *text, uintptr_t pc)
{
	struct places *places = places_open(sys_call(SYS_getpid));
	struct place place = { .offset = pc };

	if (places)
		place = place_of_code(places, pc);
	log_add(text, "; at ");
	if (*place.name.text)
		log_add(text, "%s+0x%lx (%s)", place.name.text,
			(unsigned long)place.name_offset, text_base_name(place.binary->path));
	else if (place.binary)
		log_add(text, "%s+0x%lx", text_base_name(place.binary->path),
			(unsigned long)place.offset);
	else
		log_add(text, "0x%lx", (unsigned long)pc);
	if (places)
		places_close(places);
}

static void add_caller(struct log_text *text, const struct work *work)
{
	const struct backtrace *stack = backtrace_make(&work->snapshot);

	if (!stack || !add_callers(text, stack, work->pc))
		add_place(text, work->pc);
	if (stack)
		backtrace_free(stack);
}

static void add_block(struct log_text *text, const struct work *work)
{
	int pid = work->owner ? owners_pid(work->owner) : 0;

	log_add(text, "the shared heap refused 0x%lx: %s",
		(unsigned long)(uintptr_t)work->block, work->why);
	if (pid)
		log_add(text, ", allocated by pid %d", pid);
	if (pid && owners_is_dead(work->owner))
		log_add(text, ", which has ended");
}

static void fill(void *arg)
{
	struct work *work = arg;

	work->text = (struct log_text){ .bytes = work->words, .max = sizeof(work->words) - 1 };
	add_block(&work->text, work);
	add_caller(&work->text, work);
	if (work->times > 1)
		log_add(&work->text, "; %u times by now", work->times);
	work->words[work->text.len] = '\0';
	log_line("%s", work->words);
}

static struct work *begin(void)
{
	long at = sys_call(SYS_mmap, 0, sizeof(struct work), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return sys_failed(at) ? NULL : (struct work *)at;
}

static enum kind kind_of(const char *why)
{
	if (text_contains(why, "already"))
		return KIND_AGAIN;
	if (text_contains(why, "beginning"))
		return KIND_NO_START;
	return text_contains(why, "size") ? KIND_SIZE : KIND_NO_BLOCK;
}

static void refused(const void *block, const char *why, tag owner, uintptr_t pc)
{
	unsigned now = count(kind_of(why));
	struct work *work = now ? begin() : NULL;

	if (!work)
		return;
	work->block = block;
	work->why = why;
	work->owner = owner;
	work->pc = pc;
	work->times = now;
	(void)snapshot_take_self(work->copy, sizeof(work->copy), &work->snapshot);
	aside_call(fill, work, work->stack + STACK_SIZE);
	(void)sys_call(SYS_munmap, work, sizeof(*work));
}

static void damaged(uint64_t blocks)
{
	if (count(KIND_DAMAGED))
		log_line("the shared heap is damaged: %lu blocks are in two places, or in none "
			 "that there is; something has written to where the heap keeps its own data, "
			 "or two threads have freed a block at the same instant",
			(unsigned long)blocks);
}

void complain_start(void)
{
	/* addresses are a secret to who runs a program with more rights; it is counted all the same */
	if (!config.secure)
		heap_refused = refused;
	heap_damaged = damaged;
}
