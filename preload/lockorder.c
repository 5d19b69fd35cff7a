/* SPDX-License-Identifier: MIT */
/*
 * lockorder.c - which lock is under which, and what is said when it is the other way round
 *
 * Whoever takes a lock, and holds others, adds "that one was held when this one was taken" to a
 * graph of the whole family (order.c). If there is a way back already, somebody has taken
 * them in the other order: two who do so at the same time wait for each other for ever. It
 * need not have happened, and the two need not even have been in the same hour. Only what is
 * new is looked at, so all that a well-worn order costs is finding the lock and one bit.
 *
 * A lock is an instance, see instance.c; where that cannot tell, an inversion between
 * processes is missed, and none is invented.
 *
 * Finding out comes first, and leaves a struct inversion; saying is apart from it.
 */
#include <sys/mman.h>

#include "lockorder.h"
#include "audit.h"
#include "instance.h"
#include "log.h"
#include "order.h"
#include "registry.h"
#include "remark.h"
#include "report.h"
#include "thread-state.h"

/* One order in which two locks were taken, and where. */
struct nesting {
	uintptr_t held, taken; /* locks */
	uintptr_t held_pc, taken_pc;
	pid_t pid;
	uint64_t namespace; /* of that pid */
	bool is_held_here, is_taken_here; /* is that lock at this address in this process? */
	bool is_ours; /* it was in this process */
};

struct inversion {
	struct nesting now; /* by the calling thread */
	unsigned count; /* of those that lead back from `now.taken` to `now.held` */
	unsigned known; /* of them: the first ones */
	struct nesting before[ORDER_STEPS];
};

static void say_full(void)
{
	if (!atomic_exchange(&audit->order.said_full, 1))
		log_line("lock order: there is no room for more locks and orders; those that are "
			 "known are checked, others are not");
}

static unsigned number_of(uintptr_t lock)
{
	unsigned number = order_number(&audit->order, instance_key(lock), lock);

	if (!number)
		say_full();
	return number;
}

static unsigned number_held(struct held *held, unsigned i, uintptr_t lock)
{
	unsigned number = atomic_load_explicit(&held->number[i], memory_order_relaxed);

	if (number)
		return number;
	number = number_of(lock);
	atomic_store_explicit(&held->number[i], number, memory_order_relaxed);
	return number;
}

static void add_nesting(struct remark *remark, const struct nesting *nesting)
{
	remark_add_lock(remark, nesting->taken, nesting->is_taken_here);
	log_add(&remark->text, " at ");
	remark_add_place(remark, nesting->taken_pc, nesting->is_ours);
	log_add(&remark->text, " while holding ");
	remark_add_lock(remark, nesting->held, nesting->is_held_here);
	log_add(&remark->text, " (taken at ");
	remark_add_place(remark, nesting->held_pc, nesting->is_ours);
	log_add(&remark->text, ")");
}

static void add_before(struct remark *remark, const struct nesting *nesting)
{
	bool is_numbered_here = nesting->namespace && nesting->namespace == thread_namespace();

	log_add(&remark->text, "  before  pid %d%s took ", nesting->pid,
		is_numbered_here ? "" : " in its own pid namespace");
	add_nesting(remark, nesting);
	log_end_line(&remark->text);
}

static void say(struct remark *remark, const void *facts)
{
	const struct inversion *inversion = facts;
	struct log_text *text = &remark->text;

	log_add(text, "lock order: takes ");
	add_nesting(remark, &inversion->now);
	log_add(text, inversion->count == 1 ?
			"; the other order was seen, too: not a deadlock, but one is possible" :
			"; with %u other orders it makes a circle: not a deadlock, but one is "
			"possible",
		inversion->count);
	log_end_line(text);
	for (unsigned i = 0; i < inversion->known; i++)
		add_before(remark, &inversion->before[i]);
	if (inversion->count > inversion->known) {
		log_add(text, "  before  %u more", inversion->count - inversion->known);
		log_end_line(text);
	}
}

static void put_nesting(struct remark *remark, const struct nesting *nesting)
{
	remark_put_lock(remark, "held", nesting->held, nesting->is_held_here);
	remark_put_place(remark, "held_site", nesting->held_pc, nesting->is_ours);
	remark_put_lock(remark, "taken", nesting->taken, nesting->is_taken_here);
	remark_put_place(remark, "site", nesting->taken_pc, nesting->is_ours);
}

static void put(struct remark *remark, const void *facts)
{
	const struct inversion *inversion = facts;
	struct log_text *text = &remark->text;

	remark_put_lock(remark, "first", inversion->now.held, inversion->now.is_held_here);
	remark_put_lock(remark, "second", inversion->now.taken, inversion->now.is_taken_here);
	remark_put_place(remark, "site", inversion->now.taken_pc, inversion->now.is_ours);
	remark_put_place(remark, "held_site", inversion->now.held_pc, inversion->now.is_ours);
	if (inversion->known)
		remark_put_place(remark, "other_site", inversion->before[0].taken_pc,
			inversion->before[0].is_ours);
	report_json_number(text, "orders", inversion->count);
	report_json_open(text, "before", '[');
	for (unsigned i = 0; i < inversion->known; i++) {
		report_json_open(text, NULL, '{');
		put_nesting(remark, &inversion->before[i]);
		log_add(text, "}");
	}
	log_add(text, "]");
}

static const struct remark_form form = { .event = "order", .say = say, .put = put };

/* Is what lies at @lock in this process the lock with this @number? */
static bool is_here(uintptr_t lock, unsigned number)
{
	return order_known(&audit->order, instance_key(lock)) == number;
}

static void fill_nesting(struct nesting *ret, unsigned a, unsigned b)
{
	const struct order_place *place = order_where(&audit->order, a, b);

	*ret = (struct nesting){ .held = order_address(&audit->order, a),
		.taken = order_address(&audit->order, b) };
	ret->is_held_here = is_here(ret->held, a);
	ret->is_taken_here = is_here(ret->taken, b);
	if (!place)
		return;
	ret->held_pc = place->held_pc;
	ret->taken_pc = place->taken_pc;
	ret->pid = place->pid;
	ret->namespace = place->namespace;
	ret->is_ours = ret->pid == (pid_t)sys_call(SYS_getpid) && ret->namespace &&
		       ret->namespace == thread_namespace();
}

/* Of a way that is too long the last lock is not the next one. */
static void follow(const struct order_way *way, struct inversion *ret)
{
	ret->count = way->count;
	ret->known = way->count > ORDER_STEPS ? ORDER_STEPS - 1 : way->count;
	for (unsigned i = 0; i < ret->known; i++)
		fill_nesting(&ret->before[i], way->locks[i], way->locks[i + 1]);
}

/* a was held when b was taken: is there a way from b to a? */
static void search(unsigned a, unsigned b, struct inversion *inversion)
{
	long at = sys_call(SYS_mmap, 0, sizeof(struct order_search), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct order_way way;
	bool found;

	if (sys_failed(at))
		return;
	found = order_find(&audit->order, b, a, (struct order_search *)at, &way);
	(void)sys_call(SYS_munmap, at, sizeof(struct order_search));
	if (!found || !order_may_tell(&audit->order, a, b))
		return;
	follow(&way, inversion);
	remark_make(&form, inversion);
}

/* Add it, look what follows from it, and never again. */
static void settle(const struct identity *me, const struct nesting *now, unsigned a, unsigned b)
{
	struct inversion inversion = { .now = *now };
	struct slot *slot = &registry->slots[me->number];
	struct order_place place = { .held_pc = now->held_pc, .taken_pc = now->taken_pc,
		.namespace = atomic_load_explicit(&slot->namespace, memory_order_relaxed),
		.pid = atomic_load_explicit(&slot->pid, memory_order_relaxed) };

	if (!order_add(&audit->order, a, b, &place)) {
		say_full();
		return;
	}
	search(a, b, &inversion);
	order_settle(&audit->order, a, b);
}

static bool holds(const struct held *held, uintptr_t lock)
{
	for (unsigned i = 0; i < HELD_MAX; i++)
		if (atomic_load_explicit(&held->lock[i], memory_order_relaxed) == lock)
			return true;
	return false;
}

static void wants(const struct identity *me, struct held *held, const fondue_spinlock_t *lock,
	uintptr_t pc)
{
	struct nesting now = { .taken = (uintptr_t)lock, .taken_pc = pc, .is_held_here = true,
		.is_taken_here = true, .is_ours = true };
	unsigned wanted = 0;

	for (unsigned i = 0; i < HELD_MAX; i++) {
		unsigned number;

		now.held = atomic_load_explicit(&held->lock[i], memory_order_relaxed);
		if (!now.held)
			continue;
		if (!wanted && holds(held, now.taken))
			return; /* it will be refused */
		if (!wanted)
			wanted = number_of(now.taken);
		number = number_held(held, i, now.held);
		if (!wanted || !number || number == wanted || /* by another address */
			order_is_settled(&audit->order, number, wanted))
			continue;
		now.held_pc = atomic_load_explicit(&held->pc[i], memory_order_relaxed);
		settle(me, &now, number, wanted);
	}
}

static void born(const fondue_spinlock_t *lock)
{
	unsigned number = order_known(&audit->order, instance_key((uintptr_t)lock));

	if (number)
		order_forget(&audit->order, number);
}

static int may_nest(const fondue_spinlock_t *a, const fondue_spinlock_t *b)
{
	unsigned first = number_of((uintptr_t)a), second = number_of((uintptr_t)b);

	if (!first || !second)
		return ENOSPC;
	order_free(&audit->order, first, second);
	return 0;
}

void lockorder_start(void)
{
	audit_hooks.wants = wants;
	audit_hooks.born = born;
	audit_hooks.may_nest = may_nest;
}
