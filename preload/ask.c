/* SPDX-License-Identifier: MIT */
/*
 * ask.c - a question in memory of the family, and a signal that tells of it
 *
 * Who may be asked is found out before, since a signal that nobody handles would stay:
 * whether its thread lives, is of our pid namespace (a number of another could be anybody's),
 * catches the signal and does not block it. If it dies or executes a program after that, the
 * signal's default is to do nothing. See question.h for the rest.
 *
 * ptrace(2) would reach a thread that blocks the signal, too, but not from inside a host: each
 * stop sends SIGCHLD to the tracer's process, and any of its threads that waits for any child
 * may be told of the stop, of a process that is no child of it (of 50 stops all did the
 * first, and two the second). It would take a tracer that is a process of its own.
 */
#include <signal.h>
#include <time.h>

#include "ask.h"
#include "config.h"
#include "disposition.h"
#include "identity.h"
#include "park.h"
#include "question.h"
#include "registry.h"
#include "thread-state.h"

static uint32_t incarnation_of(uint32_t number)
{
	return __atomic_load_n(&registry->slots[number].holder.incarnation, __ATOMIC_RELAXED);
}

/* Is the thread that had the slot then no more? */
static bool is_gone(uint32_t number, uint32_t incarnation)
{
	return number < SLOT_FIRST || number >= SLOT_ANONYMOUS || registry_is_dead(number) ||
	       incarnation_of(number) != incarnation;
}

static bool is_to_be_had(struct question *q, uint64_t state)
{
	uint32_t asked = atomic_load_explicit(&q->asked, memory_order_relaxed);
	uint32_t asked_incarnation =
		atomic_load_explicit(&q->asked_incarnation, memory_order_relaxed);

	if (question_phase_of(state) == QUESTION_FREE)
		return true;
	if (!is_gone(question_asker(state), state >> QUESTION_INCARNATION_SHIFT))
		return false;
	return question_phase_of(state) != QUESTION_WRITING || is_gone(asked, asked_incarnation);
}

static struct question *take_place(uint32_t me, uint64_t *ret_state)
{
	for (unsigned i = 0; i < QUESTIONS; i++) {
		struct question *q = &registry->questions[i];
		/* acquire: who was asked, by the last one; pairs with release() and take_place() */
		uint64_t state = atomic_load_explicit(&q->state, memory_order_acquire);
		uint64_t mine = question_next(state, QUESTION_MINE) |
				(uint64_t)me << QUESTION_ASKER_SHIFT |
				(uint64_t)incarnation_of(me) << QUESTION_INCARNATION_SHIFT;

		if (!is_to_be_had(q, state) ||
			!atomic_compare_exchange_strong(&q->state, &state, mine))
			continue;
		*ret_state = mine;
		return q;
	}
	return NULL;
}

static void release(struct question *q, uint64_t mine)
{
	/* release: we have read the answer; pairs with take_place(). Unless we died in between */
	(void)atomic_compare_exchange_strong_explicit(&q->state, &mine,
		question_next(mine, QUESTION_FREE), memory_order_release,
		memory_order_relaxed);
}

static long send(pid_t pid, pid_t tid, uint64_t cookie)
{
	siginfo_t info = { .si_signo = SIGURG, .si_code = SI_QUEUE };

	info.si_pid = sys_call(SYS_getpid);
	info.si_uid = sys_call(SYS_getuid);
	info.si_value.sival_ptr = (void *)(uintptr_t)cookie;
	return sys_call(SYS_rt_tgsigqueueinfo, pid, tid, SIGURG, &info);
}

/* How long until it is looked whether the thread has died, which wakes nobody. */
#define LOOK_NS 5000000ULL

static void sleep_until_changed(struct question *q, uint64_t state, uint64_t deadline)
{
	uint64_t soon = now_ns() + LOOK_NS, end = soon < deadline ? soon : deadline;
	struct timespec until = park_time(end);

	(void)sys_call(SYS_futex, &q->state, QUESTION_WAIT, (uint32_t)state, &until, NULL, -1);
}

/* The question is withdrawn. Return: false: it has just been answered. */
static bool withdraw(struct question *q, uint64_t mine)
{
	uint64_t state = question_in_phase(mine, QUESTION_ASKED);

	if (atomic_compare_exchange_strong(&q->state, &state,
		    question_next(mine, QUESTION_FREE)))
		return true;
	return question_phase_of(state) == QUESTION_WRITING &&
	       atomic_compare_exchange_strong(&q->state, &state, question_abandoned(state));
}

static int wait_for_answer(struct question *q, uint64_t mine, uint32_t number, uint64_t deadline)
{
	for (;;) {
		/* acquire: the answer; pairs with hand_over() */
		uint64_t state = atomic_load_explicit(&q->state, memory_order_acquire);
		bool dead = registry_is_dead(number);

		if (state == mine)
			return 0;
		if (dead || now_ns() >= deadline)
			return !withdraw(q, mine) ? 0 : dead ? -ESRCH : -ETIMEDOUT;
		sleep_until_changed(q, state, deadline);
	}
}

static bool is_of_our_namespace(struct slot *slot)
{
	uint64_t there = atomic_load_explicit(&slot->namespace, memory_order_relaxed);

	return there && there == thread_namespace() && thread_proc_is_ours();
}

/*
 * A thread that has just answered somebody else, or is in a short section with signals
 * blocked, is looked at again so often, and for so long.
 */
#define BLOCKED_LOOK_NS 500000
#define BLOCKED_LOOKS	20

static bool is_reachable(const struct slot *slot, const struct disposition *its)
{
	return atomic_load_explicit(&slot->answers, memory_order_relaxed) == SIGURG &&
	       disposition_has(its->caught, SIGURG);
}

static int look_at(const struct slot *slot, pid_t pid, pid_t tid, struct disposition *ret)
{
	const struct timespec pause = { .tv_nsec = BLOCKED_LOOK_NS };
	int error;

	for (unsigned i = 0; i < BLOCKED_LOOKS; i++) {
		if (i)
			(void)sys_call(SYS_nanosleep, &pause, NULL);
		error = disposition_read(pid, tid, ret);
		if (error != 0)
			return error;
		if (ret->pid != pid || ret->state == 'Z' || ret->state == 'X')
			return -ESRCH;
		if (!is_reachable(slot, ret))
			return -EACCES;
		if (!disposition_has(ret->blocked, SIGURG))
			return ret->state == 'T' || ret->state == 't' ? -ETIMEDOUT : 0;
	}
	return -EACCES;
}

static int may_be_asked(const struct slot *slot, pid_t pid, pid_t tid)
{
	struct disposition its, ours;
	int error = look_at(slot, pid, tid, &its);

	/* its handler makes system calls, and so do we: a filter may kill for them */
	if (error != 0 || config.signal == CONFIG_SIGNAL_ALWAYS)
		return error;
	error = disposition_read(sys_call(SYS_getpid), sys_call(SYS_gettid), &ours);
	return error ? error : its.is_filtered || ours.is_filtered ? -ENOTSUP : 0;
}

/* What the lock's holder tells; all relaxed: it is looked at again. */
static struct fondue_site site_of(struct slot *slot)
{
	const struct fondue_holder *holder = &slot->holder;
	struct fondue_site site = { 0 };

	if (!__atomic_load_n(&holder->lock, __ATOMIC_RELAXED))
		return site;
	site.pc = __atomic_load_n(&holder->site.pc, __ATOMIC_RELAXED);
	site.sp = __atomic_load_n(&holder->site.sp, __ATOMIC_RELAXED);
	site.fp = __atomic_load_n(&holder->site.fp, __ATOMIC_RELAXED);
	return site;
}

static bool are_equal(const struct fondue_site *a, const struct fondue_site *b)
{
	return a->pc == b->pc && a->sp == b->sp && a->fp == b->fp;
}

static void tell_registers(const struct question *q, struct registers *ret)
{
	*ret = (struct registers){ .known = 0 };
	for (unsigned i = 0; i < REGISTERS; i++)
		if (q->known >> i & 1)
			register_set(ret, i, q->at[i]);
}

/* It was written by another process, which may have been damaged: no size is believed. */
static struct window window_of(uint64_t from, uint64_t size, const uint8_t *bytes, size_t max)
{
	return (struct window){ .from = from, .size = size < max ? size : max, .bytes = bytes };
}

static void tell(const struct question *q, struct slot *slot, const struct fondue_site *site,
	struct snapshot *ret)
{
	struct fondue_site now = site_of(slot);

	tell_registers(q, &ret->registers);
	ret->windows[0] = window_of(q->stack_from, q->stack_size, q->stack, sizeof(q->stack));
	ret->windows[1] = (struct window){ .size = 0 };
	ret->earlier = (struct registers){ .known = 0 };
	if (!site->pc || !site->sp || !are_equal(site, &now))
		return;
	ret->windows[1] = window_of(q->earlier_from, q->earlier_size, q->earlier_stack,
		sizeof(q->earlier_stack));
	register_set(&ret->earlier, REGISTER_PC, site->pc);
	register_set(&ret->earlier, REGISTER_SP, site->sp);
	if (site->fp)
		register_set(&ret->earlier, REGISTER_FP, site->fp);
}

/* The place is ours, for as long as nobody has been sent the signal. */
static int put_question(struct question *q, uint64_t mine, uint32_t number, uint64_t deadline)
{
	struct slot *slot = &registry->slots[number];
	pid_t pid = atomic_load_explicit(&slot->pid, memory_order_relaxed);
	pid_t tid = atomic_load_explicit(&slot->tid, memory_order_relaxed);
	long error;

	/* release: the question before the word; pairs with answer() */
	atomic_store_explicit(
		&q->state, question_in_phase(mine, QUESTION_ASKED), memory_order_release);
	error = registry_is_dead(number) ? -ESRCH
					 : send(pid, tid, question_cookie(q - registry->questions, mine));
	if (error != 0)
		return withdraw(q, mine) ? (error == -ENOSYS ? -ENOTSUP : error) : 0;
	return wait_for_answer(q, mine, number, deadline);
}

static int ask(uint32_t number, uint32_t me, uint64_t deadline, struct snapshot *ret,
	struct question **ret_question)
{
	struct slot *slot = &registry->slots[number];
	struct fondue_site site = site_of(slot);
	struct question *q;
	uint64_t mine;
	int error;

	q = take_place(me, &mine);
	if (!q)
		return -EBUSY;
	atomic_store_explicit(&q->asked, number, memory_order_relaxed);
	atomic_store_explicit(&q->asked_incarnation, incarnation_of(number), memory_order_relaxed);
	atomic_store_explicit(&q->tid, ret->tid, memory_order_relaxed);
	atomic_store_explicit(&q->earlier, site.sp, memory_order_relaxed);
	error = put_question(q, mine, number, deadline);
	if (error != 0)
		return error;
	tell(q, slot, &site, ret);
	*ret_question = q;
	return 0;
}

int ask_snapshot(uint32_t number, unsigned timeout_ms, struct snapshot *ret,
	struct question **ret_question)
{
	const struct identity *me = identity_mine();
	struct snapshot snapshot = { .pid = 0 };
	struct slot *slot;
	uint64_t deadline;
	int error;

	if (config.signal == CONFIG_SIGNAL_NONE || !registry || !identity_is_valid(me) ||
		me->number == SLOT_ANONYMOUS)
		return -ENOTSUP;
	if (number < SLOT_FIRST || number >= SLOT_ANONYMOUS || number == me->number)
		return -EINVAL;
	deadline = now_ns() +
		   (timeout_ms < ASK_MAX_MS ? timeout_ms : ASK_MAX_MS) * 1000000ULL;
	slot = &registry->slots[number];
	snapshot.pid = atomic_load_explicit(&slot->pid, memory_order_relaxed);
	snapshot.tid = atomic_load_explicit(&slot->tid, memory_order_relaxed);
	if (registry_is_dead(number) || !snapshot.tid)
		return -ESRCH;
	if (!is_of_our_namespace(slot))
		return -ENOTSUP;
	error = may_be_asked(slot, snapshot.pid, snapshot.tid);
	if (error == 0)
		error = ask(number, me->number, deadline, &snapshot, ret_question);
	if (error == 0)
		*ret = snapshot;
	return error;
}

void ask_done(struct question *question)
{
	const struct identity *me = identity_mine();
	uint64_t state = atomic_load_explicit(&question->state, memory_order_relaxed);

	if (question_phase_of(state) == QUESTION_MINE && question_asker(state) == me->number)
		release(question, state);
}
