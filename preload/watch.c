/* SPDX-License-Identifier: MIT */
/*
 * watch.c - who holds it, since when, and who waits
 *
 * Nobody watches the locks: a waiter that sees the same acquisition for FONDUE_HOLD_MS says
 * so, once for all waiters, and again after twice, four times, eight times as long. Taking
 * and releasing a lock pays nothing for it. Who reports is settled in a record that is found
 * by the word,
 *
 *	told	word of the acquisition (32 bits), so often reported (16), by whom now (16)
 *
 * by compare-and-swap; a reporter that dies in the middle is replaced, as its slot says so.
 * How long a lock has been held is known from the waiters, who publish what they have seen:
 * the earliest of them; so it has been held at least so long.
 *
 * The report names a process by its number only in the pid namespace that the number
 * belongs to. It changes nothing in the host: files are opened, read and closed, errno stays.
 */
#include <sys/mman.h>

#include "watch.h"
#include "config.h"
#include "deadlock.h"
#include "log.h"
#include "park.h"
#include "registry.h"
#include "thread-state.h"
#include "wait.h"

/* Who is at it may have died: look again so often, ns. */
#define REPORT_NS 20000000
/* Doublings of the limit between reports; 2^16 of 10 ms are eleven minutes. */
#define DOUBLINGS 16
/* Waiters that are named one by one; all are counted. */
#define NAMED 4

static uint64_t relaxed(_Atomic uint64_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

/* Others write meanwhile: what began after @now has lasted no time. */
static uint64_t since_ns(uint64_t now, uint64_t since)
{
	return now > since ? now - since : 0;
}

static uint64_t due_at(uint64_t since, unsigned count)
{
	unsigned doublings = count < DOUBLINGS ? count : DOUBLINGS;

	return since + (wait_watch.limit_ns << doublings) * (count - doublings + 1);
}

/*
 * What was told of it, by hash of the word, which is different for each that lasts; not of the
 * address, which is the same for the private locks of all children.
 */
static struct turn *record(uint32_t word)
{
	static struct turn nobodys;

	return registry ? &registry->turns[(word * 0x9e3779b1u) >> 24] : &nobodys;
}

/*
 * Return: 0: the report is the caller's, and it is the *ret_count-th, from 0; else ns: when to
 * come again.
 */
static uint64_t claim(const struct waiter *w, unsigned *ret_count)
{
	uint64_t told = atomic_load(&record(w->seen)->told), mine;
	uint32_t reporter, count;

	do {
		bool same = told >> 32 == w->seen;

		count = same ? told >> 16 & 0xffff : 0;
		reporter = same ? told & 0xffff : 0;
		if (reporter && reporter != w->me->number && !registry_is_dead(reporter))
			return w->now + REPORT_NS;
		if (!reporter && count && w->now < due_at(w->seen_since, count))
			return due_at(w->seen_since, count);
		mine = (uint64_t)w->seen << 32 | count << 16 | w->me->number;
	} while (!atomic_compare_exchange_weak(&record(w->seen)->told, &told, mine));
	*ret_count = count;
	return 0;
}

static uint64_t done(const struct waiter *w, unsigned count)
{
	uint64_t mine = (uint64_t)w->seen << 32 | count << 16 | w->me->number;
	uint64_t next;

	/* stopped for an hour it is one report late, not twelve */
	do
		count += count < 0xffff;
	while (count < 0xffff && due_at(w->seen_since, count) <= w->now);
	next = (uint64_t)w->seen << 32 | count << 16;
	(void)atomic_compare_exchange_strong(&record(w->seen)->told, &mine, next);
	return due_at(w->seen_since, count);
}

struct crowd {
	unsigned count, others; /* all; those in named[], all but the reporter */
	uint64_t held_since;	/* ns: the earliest that anybody has seen */
	uint64_t wanted_since;	/* ns: of who waits longest */
	uint32_t named[NAMED];
};

static bool wants(const struct slot *slot, const fondue_spinlock_t *lock)
{
	return atomic_load_explicit(&slot->wants, memory_order_relaxed) == (uintptr_t)lock;
}

static struct crowd count_waiters(const struct waiter *w)
{
	struct crowd crowd = { .held_since = w->seen_since, .wanted_since = w->now };
	uint32_t used = atomic_load_explicit(&registry->used, memory_order_relaxed);

	for (uint32_t i = SLOT_FIRST; i < used; i++) {
		struct slot *slot = &registry->slots[i];
		uint64_t since = relaxed(&slot->wants_since);

		if (!wants(slot, w->lock) || registry_is_dead(i) ||
			atomic_load_explicit(&slot->seen, memory_order_relaxed) != w->seen)
			continue;
		if (i != w->me->number && crowd.others < NAMED)
			crowd.named[crowd.others++] = i;
		crowd.count++;
		if (since < crowd.wanted_since)
			crowd.wanted_since = since;
		since = relaxed(&slot->seen_since);
		if (atomic_load_explicit(&slot->seen, memory_order_relaxed) == w->seen &&
			since < crowd.held_since)
			crowd.held_since = since;
	}
	return crowd;
}

/* "4.2 s" */
static void add_time(struct log_text *text, uint64_t ns)
{
	uint64_t ms = ns / 1000000;

	if (ms < 1000)
		log_add(text, "%lu ms", ms);
	else
		log_add(text, "%lu.%lu s", ms / 1000, ms / 100 % 10);
}

/* Its number is one of ours, and /proc, which may be another namespace's, has ours. */
static bool is_numbered_here(struct slot *slot)
{
	uint64_t there = relaxed(&slot->namespace);

	return there && there == thread_namespace() && thread_proc_is_ours();
}

static void add_thread(struct log_text *text, struct slot *slot)
{
	pid_t pid = atomic_load_explicit(&slot->pid, memory_order_relaxed);
	pid_t tid = atomic_load_explicit(&slot->tid, memory_order_relaxed);
	struct thread_state state;

	if (!is_numbered_here(slot)) {
		log_add(text, "pid %d tid %d in its own pid namespace", pid, tid);
		return;
	}
	thread_look(pid, tid, &state);
	log_add(text, "pid %d", pid);
	if (tid != pid)
		log_add(text, " tid %d", tid);
	if (state.comm[0])
		log_add(text, " \"%s\"", state.comm);
	log_add(text, ", %s", state.doing);
}

static void add_waiters(struct log_text *text, const struct crowd *crowd, uint64_t now)
{
	for (unsigned i = 0; i < crowd->others; i++) {
		struct slot *slot = &registry->slots[crowd->named[i]];

		log_add(text, "  waits   ");
		add_thread(text, slot);
		log_add(text, ", for ");
		add_time(text, since_ns(now, relaxed(&slot->wants_since)));
		log_end_line(text);
	}
	if (crowd->count > crowd->others + 1) {
		log_add(text, "  waits   %u more", crowd->count - crowd->others - 1);
		log_end_line(text);
	}
}

/*
 * What a report is written in: not on the stack, for who waits may be a thread with a small
 * one. Return: NULL: not this time.
 */
static struct log_text *text_begin(void)
{
	long at = sys_call(SYS_mmap, 0, sizeof(struct log_text), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (sys_failed(at))
		return NULL;
	log_begin((struct log_text *)at);
	return (struct log_text *)at;
}

static void text_end(struct log_text *text)
{
	log_say(text);
	(void)sys_call(SYS_munmap, text, sizeof(*text));
}

static void report(const struct waiter *w, struct slot *owner)
{
	struct crowd crowd = count_waiters(w);
	struct log_text *text = text_begin();

	if (!text)
		return;
	log_add(text, "lock at 0x%lx held ", (unsigned long)(uintptr_t)w->lock);
	atomic_store(&record(w->seen)->told_since, crowd.held_since);
	add_time(text, w->now - crowd.held_since);
	log_add(text, " by ");
	add_thread(text, owner);
	log_add(text, crowd.count == 1 ? "; %u waits, for " : "; %u wait, the longest ",
		crowd.count);
	add_time(text, w->now - crowd.wanted_since);
	log_end_line(text);
	add_waiters(text, &crowd, w->now);
	text_end(text);
}

/* "pid 7 holds lock at 0x1, wants lock at 0x2": what each member wants, its predecessor holds */
static void add_member(struct log_text *text, const struct cycle *cycle, unsigned i)
{
	unsigned before = (i + cycle->count - 1) % cycle->count;
	struct slot *slot = &registry->slots[cycle->members[i]];
	struct slot *predecessor = &registry->slots[cycle->members[before]];

	log_add(text, "  ");
	add_thread(text, slot);
	log_add(text, ": holds lock at 0x%lx, wants lock at 0x%lx",
		(unsigned long)atomic_load(&predecessor->wants),
		(unsigned long)atomic_load(&slot->wants));
	log_end_line(text);
}

static void report_deadlock(const struct waiter *w, const struct cycle *cycle)
{
	struct log_text *text = text_begin();

	if (!text)
		return;
	log_add(text, "DEADLOCK of %u threads, ", cycle->count);
	add_time(text, w->now - relaxed(&registry->slots[cycle->latest].wants_since));
	log_add(text, " old: each waits for the next; a deadline or killing one ends it");
	log_end_line(text);
	for (unsigned i = 0; i < cycle->count; i++)
		add_member(text, cycle, i);
	text_end(text);
}

/* By whoever comes first, for the one who has closed the circle may be stopped. */
static uint64_t held_in_circle(const struct waiter *w, const struct cycle *cycle)
{
	struct slot *latest = &registry->slots[cycle->latest];
	uint64_t due = relaxed(&latest->wants_since) + wait_watch.limit_ns;
	struct waiter closer = *w;
	unsigned count = 0;
	uint64_t again;

	closer.seen = atomic_load_explicit(&latest->seen, memory_order_relaxed);
	closer.seen_since = relaxed(&latest->wants_since);
	if (w->now < due)
		return due;
	again = claim(&closer, &count);
	if (again)
		return again;
	report_deadlock(w, cycle);
	return done(&closer, count);
}

static uint64_t held(const struct waiter *w)
{
	struct cycle cycle;
	unsigned count = 0;
	uint64_t again;

	if (word_slot(w->seen) == SLOT_ANONYMOUS)
		return UINT64_MAX; /* nothing is known of it */
	if (deadlock_find(w->me->number, &cycle))
		return held_in_circle(w, &cycle);
	again = claim(w, &count);
	if (again)
		return again;
	report(w, &registry->slots[word_slot(w->seen)]);
	return done(w, count);
}

static void add_lock_and_time(
	struct log_text *text, const fondue_spinlock_t *lock, const char *how, uint64_t ns)
{
	log_add(text, "lock at 0x%lx: %s after ", (unsigned long)(uintptr_t)lock, how);
	add_time(text, ns);
	log_end_line(text);
}

static void over(
	const fondue_spinlock_t *lock, uint32_t word, uint64_t now, const char *how)
{
	uint64_t told = atomic_load(&record(word)->told);
	struct log_text *text;

	/* the first who sees it says it */
	if (told >> 32 != word || !(told >> 16 & 0xffff) ||
		!atomic_compare_exchange_strong(&record(word)->told, &told, 0))
		return;
	text = text_begin();
	if (!text)
		return;
	add_lock_and_time(text, lock, how, since_ns(now, relaxed(&record(word)->told_since)));
	text_end(text);
}

static void inherited(const struct identity *me, const fondue_spinlock_t *lock)
{
	pid_t pid = me->inherited_pid, tid = me->inherited_tid;
	bool is_ours = me->inherited_namespace && me->inherited_namespace == thread_namespace();

	log_line("lock at 0x%lx: its owner, pid %d tid %d%s, died holding it; this process has "
		 "taken it over, and released it",
		(unsigned long)(uintptr_t)lock, pid, tid,
		is_ours ? "" : " in its own pid namespace");
}

static void anew(uint32_t word)
{
	uint64_t told = atomic_load(&record(word)->told);

	if (told >> 32 == word)
		(void)atomic_compare_exchange_strong(&record(word)->told, &told, 0);
}

void watch_start(void)
{
	wait_watch.anew = anew;
	wait_watch.limit_ns = config.hold_ms * 1000000ULL;
	wait_watch.held = held;
	wait_watch.over = over;
	wait_watch.inherited = inherited;
}
