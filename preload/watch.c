/* SPDX-License-Identifier: MIT */
/*
 * watch.c - who holds it, since when, and who waits
 *
 * Nobody watches the locks: a waiter that sees the same acquisition for longer than its
 * limit says so, once for all waiters (told.c). Taking and releasing a lock pays nothing
 * for it. How long it has been held is known from the waiters, who publish what they have
 * seen (seen.c): the earliest of them; so it has been held at least so long.
 *
 * A report is made on a stack and in memory of its own, mapped for it and given back: the
 * thread may have a small stack, or be in the middle of an allocator. It changes nothing in
 * the host: files are opened, read and closed, errno stays.
 */
#include <signal.h>
#include <sys/mman.h>

#include "watch.h"
#include "aside.h"
#include "config.h"
#include "deliver.h"
#include "heap-layout.h"
#include "limit.h"
#include "park.h"
#include "registry.h"
#include "seen.h"
#include "told.h"
#include "unwind.h"

/* Waiters that are told one by one, the reporter besides; all are counted. */
#define NAMED 4
/* For libunwind, which takes 8 KiB a frame of its own, and for handlers of the program. */
#define STACK_SIZE (256 * 1024)

/* One report in the making. */
struct work {
	struct report report; /* first, and large: untouched pages cost nothing */
	char words[DELIVER_MAX];
	_Alignas(16) char stack[STACK_SIZE];
	/* who asked for it, and what for */
	const struct waiter *waiter;
	const struct cycle *cycle;
	struct cycle found; /* count 0: none */
	struct inheritance inherited;
	bool asks_for_core;
};

/* Return: NULL: not this time. */
static struct work *begin(enum report_kind kind, uintptr_t lock)
{
	long at = sys_call(SYS_mmap, 0, sizeof(struct work), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct work *work = (struct work *)at;

	if (sys_failed(at))
		return NULL;
	work->report.kind = kind;
	work->report.lock.lock = lock;
	return work;
}

/* What all reports have in common, around what @fill finds out. */
static void finish(struct work *work, void (*fill)(void *))
{
	aside_call(fill, work, work->stack + STACK_SIZE);
	(void)sys_call(SYS_munmap, work, sizeof(*work));
}

static void open_report(struct report *report)
{
	facts_begin(report, report->kind);
	if (report->lock.lock)
		report->lock = facts_of_lock(report, report->lock.lock);
}

static void close_report(struct work *work)
{
	facts_settle(&work->report);
	deliver(&work->report, work->words, sizeof(work->words));
	facts_end(&work->report);
}

static uint64_t relaxed(_Atomic uint64_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

/* Others write meanwhile: what began after @now has lasted no time. */
static uint64_t since_ns(uint64_t now, uint64_t since)
{
	return now > since ? now - since : 0;
}

static bool waits_for(uint32_t number, const struct waiter *w)
{
	const struct slot *slot = &registry->slots[number];

	return atomic_load_explicit(&slot->wants, memory_order_relaxed) ==
		       (uintptr_t)w->lock &&
	       !registry_is_dead(number) &&
	       atomic_load_explicit(&slot->seen, memory_order_relaxed) == w->seen;
}

static void add_waiter(struct report *report, uint32_t number, uint64_t since, uint64_t now)
{
	struct party *party = facts_add_party(report, number);

	if (!party)
		return;
	party->waited_ns = since_ns(now, since);
	facts_find_wanted(report, party);
}

/* Count them, add some, and find out since when it is held. Return: that, ns. */
static uint64_t add_waiters(struct report *report, const struct waiter *w)
{
	uint32_t used = atomic_load_explicit(&registry->used, memory_order_relaxed);
	uint64_t held_since = w->seen_since, wanted_since = w->now;

	add_waiter(report, w->me->number,
		relaxed(&registry->slots[w->me->number].wants_since), w->now);
	for (uint32_t i = SLOT_FIRST; i < used; i++) {
		struct slot *slot = &registry->slots[i];
		uint64_t since = relaxed(&slot->wants_since);
		uint64_t seen_since = relaxed(&slot->seen_since);

		if (!waits_for(i, w))
			continue;
		if (i != w->me->number && report->count < 2 + NAMED)
			add_waiter(report, i, since, w->now);
		report->waiting++;
		if (since < wanted_since)
			wanted_since = since;
		if (seen_since < held_since)
			held_since = seen_since;
	}
	report->longest_ns = since_ns(w->now, wanted_since);
	return held_since;
}

/* A word of the fast path tells nothing when nobody sleeps: see seen.c. */
static bool is_held_still(const struct waiter *w)
{
	return __atomic_load_n(&w->lock->word, __ATOMIC_SEQ_CST) == w->seen &&
	       ((w->seen & WORD_RUNTIME) || (lock_wait(w->lock) & WAIT_SLEEP));
}

/* A stack of somewhere else would be a wrong answer. */
static void take_owners_stack(struct report *report, const struct waiter *w)
{
	struct party *owner = &report->parties[0];

	facts_take_stack(report, owner, (uintptr_t)w->lock);
	if (is_held_still(w))
		return;
	if (owner->stack)
		backtrace_free(owner->stack);
	owner->stack = NULL;
	owner->how = HOW_NONE;
	owner->why = "it has released the lock meanwhile";
	owner->why_not_asked = NULL;
}

static void act(struct work *work)
{
	const struct party *owner = &work->report.parties[0];

	if (!work->asks_for_core)
		return;
	if (!owner->is_here || !is_held_still(work->waiter) || registry_is_dead(owner->number) ||
		sys_call(SYS_tgkill, owner->pid, owner->tid, SIGABRT) != 0) {
		log_line("FONDUE_HOLD_ACTION: the owner, pid %d, cannot be sent SIGABRT",
			owner->pid);
		return;
	}
	log_line("FONDUE_HOLD_ACTION: SIGABRT was sent to the owner, pid %d tid %d", owner->pid,
		owner->tid);
}

static void fill_held(void *arg)
{
	struct work *work = arg;
	struct report *report = &work->report;
	const struct waiter *w = work->waiter;
	struct party *owner;
	uint64_t since;

	open_report(report);
	owner = facts_add_party(report, word_slot(w->seen));
	facts_find_site(report, owner, (uintptr_t)w->lock);
	since = add_waiters(report, w);
	told_keep_since((uintptr_t)w->lock, w->seen, since);
	report->held_ns = w->now - since;
	report->limit_ns = w->limit;
	take_owners_stack(report, w);
	facts_take_stack(report, &report->parties[1], 0);
	close_report(work);
	act(work);
}

/*
 * The program wants to be told what was reported. On its own stack: it may do what it likes. If
 * it waits for a lock in there, for too long, that is reported, but not told it again.
 */
static void call_back(const struct fondue_hold *hold)
{
	static __thread bool is_inside __attribute__((tls_model("initial-exec")));
	fondue_hold_callback *callback =
		atomic_load_explicit(&wait_watch.callback, memory_order_acquire);

	if (!callback || is_inside)
		return;
	is_inside = true;
	callback(hold, wait_watch.callback_arg);
	is_inside = false;
}

/* Without memory for more: who it is, at least, by the number that it has given itself. */
static void say_held(const struct waiter *w, struct fondue_hold *ret_hold)
{
	struct slot *owner = &registry->slots[word_slot(w->seen)];

	*ret_hold = (struct fondue_hold){ .size = sizeof(*ret_hold), .lock = w->lock,
		.pid = atomic_load_explicit(&owner->pid, memory_order_relaxed),
		.tid = atomic_load_explicit(&owner->tid, memory_order_relaxed),
		.held_ms = since_ns(w->now, w->seen_since) / 1000000, .waiting = 1 };
	log_line("lock at 0x%lx held %lu ms by pid %d tid %d; there is no memory to tell more",
		(unsigned long)w->lock, (unsigned long)ret_hold->held_ms, ret_hold->pid,
		ret_hold->tid);
}

static void report_held(
	const struct waiter *w, unsigned count, uint64_t next_ns, struct fondue_hold *ret_hold)
{
	struct work *work = begin(REPORT_HELD, (uintptr_t)w->lock);
	const struct party *owner;

	if (!work) {
		say_held(w, ret_hold);
		return;
	}
	work->waiter = w;
	work->report.next_ns = next_ns;
	work->asks_for_core = config.hold_action == HOLD_ACTION_CORE && count == 0;
	aside_call(fill_held, work, work->stack + STACK_SIZE);
	owner = &work->report.parties[0];
	*ret_hold = (struct fondue_hold){ .size = sizeof(*ret_hold), .lock = w->lock,
		.pid = owner->pid, .tid = owner->tid,
		.held_ms = work->report.held_ns / 1000000, .waiting = work->report.waiting };
	(void)sys_call(SYS_munmap, work, sizeof(*work));
}

/* What each member wants, its predecessor... the next one holds. */
static void add_member(struct report *report, const struct cycle *cycle, unsigned i)
{
	uint32_t before = cycle->members[(i + cycle->count - 1) % cycle->count];
	struct party *party = facts_add_party(report, cycle->members[i]);

	if (!party)
		return;
	party->holds = facts_of_lock(report, atomic_load(&registry->slots[before].wants));
	party->wants = facts_of_lock(report, atomic_load(&registry->slots[party->number].wants));
	facts_find_site(report, party, party->holds.lock);
	facts_take_stack(report, party, party->holds.lock);
}

static void fill_deadlock(void *arg)
{
	struct work *work = arg;
	const struct cycle *cycle = work->cycle;

	open_report(&work->report);
	work->report.held_ns = since_ns(
		work->waiter->now, relaxed(&registry->slots[cycle->latest].wants_since));
	for (unsigned i = 0; i < cycle->count; i++)
		add_member(&work->report, cycle, i);
	close_report(work);
}

static void report_deadlock(const struct waiter *w, const struct cycle *cycle)
{
	struct work *work = begin(REPORT_DEADLOCK, 0);

	if (!work)
		return;
	work->waiter = w;
	work->cycle = cycle;
	finish(work, fill_deadlock);
}

/* By whoever comes first, for the one who has closed the circle may be stopped. */
static uint64_t held_in_circle(const struct waiter *w, const struct cycle *cycle)
{
	struct slot *latest = &registry->slots[cycle->latest];
	const struct lasting lasting = {
		.lock = atomic_load_explicit(&latest->wants, memory_order_relaxed),
		.word = atomic_load_explicit(&latest->seen, memory_order_relaxed),
		.since = relaxed(&latest->wants_since), .limit_ns = w->limit };
	unsigned count = 0;
	uint64_t again;

	if (w->now < lasting.since + w->limit)
		return lasting.since + w->limit;
	again = told_claim(&lasting, w->me->number, w->now, &count);
	if (again)
		return again;
	/* for who gets it, should the circle break */
	told_keep_since(lasting.lock, lasting.word, relaxed(&latest->seen_since));
	report_deadlock(w, cycle);
	return told_done(&lasting, w->me->number, w->now, count);
}

static void fill_cycle(void *arg)
{
	struct work *work = arg;

	if (!deadlock_find(work->waiter->me->number, &work->found))
		work->found.count = 0;
}

/* Aside: what two walks have seen is 3 KiB. Without memory there is none, nor a report. */
static bool waits_in_circle(const struct waiter *w, struct cycle *ret_cycle)
{
	struct work *work = begin(REPORT_DEADLOCK, 0);

	if (!work)
		return false;
	work->waiter = w;
	aside_call(fill_cycle, work, work->stack + STACK_SIZE);
	*ret_cycle = work->found;
	(void)sys_call(SYS_munmap, work, sizeof(*work));
	return ret_cycle->count != 0;
}

static uint64_t held(const struct waiter *w)
{
	const struct lasting lasting = {
		.lock = (uintptr_t)w->lock, .word = w->seen, .since = w->seen_since, .limit_ns = w->limit };
	struct fondue_hold hold;
	struct cycle cycle;
	unsigned count = 0;
	uint64_t again;

	if (word_slot(w->seen) == SLOT_ANONYMOUS || w->me->number == SLOT_ANONYMOUS)
		return UINT64_MAX; /* nothing is known of it, or nobody could tell others */
	if (waits_in_circle(w, &cycle))
		return held_in_circle(w, &cycle);
	again = told_claim(&lasting, w->me->number, w->now, &count);
	if (again)
		return again;
	/* to find that there is no circle has taken a while */
	if (!is_held_still(w)) {
		told_withdraw(&lasting, w->me->number, count);
		return w->now;
	}
	told_keep_since(lasting.lock, lasting.word, lasting.since);
	report_held(w, count, since_ns(told_next(&lasting, w->now, count), w->now), &hold);
	again = told_done(&lasting, w->me->number, w->now, count);
	call_back(&hold);
	return again;
}

static void fill_over(void *arg)
{
	struct work *work = arg;

	open_report(&work->report);
	close_report(work);
}

static void over(const fondue_spinlock_t *lock, uint32_t word, uint64_t now, const char *how)
{
	struct work *work;
	uint64_t since;

	if (!told_take((uintptr_t)lock, word, &since))
		return;
	work = begin(REPORT_OVER, (uintptr_t)lock);
	if (!work) {
		log_line("lock at 0x%lx: %s after %lu ms", (unsigned long)lock, how,
			(unsigned long)(since_ns(now, since) / 1000000));
		return;
	}
	work->report.held_ns = since_ns(now, since);
	work->report.ending = how;
	finish(work, fill_over);
}

static void fill_death(void *arg)
{
	struct work *work = arg;
	const struct inheritance *it = &work->inherited;
	struct party *owner;

	open_report(&work->report);
	owner = facts_add_gone(&work->report, it->pid, it->tid, it->namespace);
	facts_find_last_site(&work->report, owner, it->pc);
	facts_find_program(owner, it->bound_at);
	facts_add_self(&work->report);
	close_report(work);
}

static void inherited(const struct inheritance *it)
{
	struct work *work;

	if (heap_is_own_lock(it->lock))
		return; /* what it protects has been mended, and is nobody else's business */
	work = begin(REPORT_DEATH, (uintptr_t)it->lock);
	if (!work) {
		log_line("lock at 0x%lx: its owner, pid %d tid %d, died holding it",
			(unsigned long)it->lock, it->pid, it->tid);
		return;
	}
	work->inherited = *it;
	finish(work, fill_death);
}

void watch_start(void)
{
	limit_set_default(config.hold_ms * 1000000ULL);
	wait_watch.over = over;
	wait_watch.held = held;
	if (config.hold_ms)
		wait_watch.inherited = inherited;
}

void watch_ready(void)
{
	static bool is_ready;

	if (is_ready || !config.hold_ms)
		return;
	is_ready = true;
	(void)unwind_start(NULL);
}
