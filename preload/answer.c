/* SPDX-License-Identifier: MIT */
/*
 * answer.c - a handler that copies
 *
 * Whatever the thread was doing when the signal came, holding the loader's lock, inside
 * malloc(), on the last page of a small stack: the handler must not make it worse. So it
 * copies its registers and its stack, and that is all: no unwinder, no lock, no descriptor,
 * nothing thread-local but errno, and less than half a KiB of stack below the signal frame.
 */
#include <signal.h>
#include <sys/auxv.h>

#include "answer.h"
#include "config.h"
#include "identity.h"
#include "peek.h"
#include "question.h"
#include "registry.h"
#include "snapshot.h"
#include "urgent.h"

_Static_assert(REGISTERS <= QUESTION_REGISTERS, "there is room for all registers");

#if defined(__x86_64__)
static void copy_registers(const ucontext_t *context, struct question *q)
{
	/* in the order of their DWARF numbers */
	static const unsigned char numbers[] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI,
		REG_RDI, REG_RBP, REG_RSP, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13,
		REG_R14, REG_R15, REG_RIP };

	_Static_assert(sizeof(numbers) == REGISTERS, "all of them");
	for (unsigned i = 0; i < REGISTERS; i++)
		q->at[i] = context->uc_mcontext.gregs[numbers[i]];
	q->known = (1ULL << REGISTERS) - 1;
}
#elif defined(__aarch64__)
static void copy_registers(const ucontext_t *context, struct question *q)
{
	for (unsigned i = 0; i <= REGISTER_LR; i++)
		q->at[i] = context->uc_mcontext.regs[i];
	q->at[REGISTER_SP] = context->uc_mcontext.sp;
	q->at[REGISTER_PC] = context->uc_mcontext.pc;
	q->known = (1ULL << REGISTERS) - 1;
}
#else
static void copy_registers(const ucontext_t *context, struct question *q)
{
	(void)context;
	q->known = 0;
}
#endif

static bool is_within(uint64_t from, uint64_t size, uint64_t address)
{
	return address >= from && address - from < size;
}

/* A callee's return address lies below: it tells that the function has not returned. */
#define BELOW_EARLIER 128

static void copy_stack(struct question *q)
{
	uintptr_t sp = q->at[REGISTER_SP], from = sp - STACK_RED_ZONE;
	uintptr_t earlier = atomic_load_explicit(&q->earlier, memory_order_relaxed);
	uintptr_t below = earlier - BELOW_EARLIER;
	long got = peek_stack(from, q->stack, sizeof(q->stack));

	if (got <= 0) { /* at the very end of a stack, and the handler on another */
		from = sp;
		got = peek_stack(from, q->stack, sizeof(q->stack));
	}
	q->stack_from = from;
	q->stack_size = got > 0 ? got : 0;
	q->earlier_from = below;
	q->earlier_size = 0;
	if (!earlier || is_within(from, q->stack_size, earlier))
		return;
	/* no fallback: it may be another stack, and that may be unmapped by now */
	got = peek(below, q->earlier_stack, sizeof(q->earlier_stack));
	q->earlier_size = got > 0 ? got : 0;
}

static void hand_over(struct question *q, uint64_t state)
{
	uint64_t next;

	do
		next = question_asker(state) ? question_in_phase(state, QUESTION_MINE)
					      : question_next(state, QUESTION_FREE);
	/* release: the answer before the word; pairs with wait_for_answer() */
	while (!atomic_compare_exchange_weak_explicit(&q->state, &state, next,
		memory_order_release, memory_order_relaxed));
	(void)sys_call(SYS_futex, &q->state, QUESTION_WAKE, 1, NULL, NULL, 0);
}

static void answer(uint64_t cookie, const ucontext_t *context)
{
	uint32_t place = cookie >> QUESTION_COOKIE_PLACE & 0xffff;
	uint64_t state, writing;
	struct question *q;

	if (place >= QUESTIONS)
		return;
	q = &registry->questions[place];
	/* acquire: who is asked; pairs with the asker's release */
	state = atomic_load_explicit(&q->state, memory_order_acquire);
	if (question_phase_of(state) != QUESTION_ASKED ||
		question_cookie(place, state) != cookie ||
		atomic_load_explicit(&q->tid, memory_order_relaxed) != sys_call(SYS_gettid))
		return;
	writing = question_in_phase(state, QUESTION_WRITING);
	if (!atomic_compare_exchange_strong(&q->state, &state, writing))
		return;
	copy_registers(context, q);
	copy_stack(q);
	hand_over(q, writing);
}

/* Called by the handler of SIGURG. */
static bool is_question(const siginfo_t *info, const ucontext_t *context)
{
	uint64_t cookie = (uintptr_t)info->si_value.sival_ptr;

	/* si_pid 0: from outside our namespace, where nobody of the family asks us from */
	if (info->si_code != SI_QUEUE || !info->si_pid ||
		(cookie & QUESTION_COOKIE_MASK) != QUESTION_COOKIE)
		return false;
	answer(cookie, context);
	return true;
}

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
/* What the handler needs below the signal frame, with something to spare. */
#define HANDLER_STACK 1024

/*
 * A stack for signals may be of the 2 KiB that once sufficed: where a frame with all registers
 * is larger, the kernel ends a program with SIGSEGV rather than deliver one.
 */
static bool has_room(void)
{
	stack_t stack = { .ss_flags = SS_DISABLE };

	(void)sys_call(SYS_sigaltstack, NULL, &stack);
	return (stack.ss_flags & SS_DISABLE) ||
	       stack.ss_size >= getauxval(AT_MINSIGSTKSZ) + HANDLER_STACK;
}

static void be_asked(uint32_t number)
{
	bool can = config.signal != CONFIG_SIGNAL_NONE && has_room() && urgent_share(is_question);

	atomic_store_explicit(
		&registry->slots[number].answers, can ? SIGURG : 0, memory_order_relaxed);
}

void answer_start(void)
{
	identity_claimed = be_asked;
}

void answer_look(void)
{
	const struct identity *me = identity_mine();

	if (identity_claimed && identity_is_valid(me) && me->number != SLOT_ANONYMOUS &&
		!identity_is_inherited())
		be_asked(me->number);
}
