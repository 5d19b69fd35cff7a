/* SPDX-License-Identifier: MIT */
/*
 * overdue.c - the other half of watch.c: nobody waits, so nobody finds out
 *
 * The time is taken when a lock has been acquired and when it is about to be released, from
 * CLOCK_MONOTONIC_COARSE: a few loads, no system call, right to some milliseconds. Those are
 * allowed for, so what is told did last longer than the limit. What a waiter has told of
 * already is not told again; and of one place where locks are taken the first, second,
 * fourth, eighth time, in the whole family: a slow loop is not to flood the log.
 *
 * Finding out comes first, and leaves a struct overdue; saying is apart from it, and comes
 * after the release.
 */
#include <time.h>

#include "overdue.h"
#include "audit.h"
#include "limit.h"
#include "lockword.h"
#include "remark.h"
#include "report.h"
#include "told.h"

struct overdue {
	uintptr_t lock;
	uintptr_t taken_pc, released_pc;
	uint64_t held_ns, limit_ns;
	uint32_t times; /* that a lock taken at this place was */
};

static uint64_t grain_ns;

static uint64_t in_ns(const struct timespec *time)
{
	return time->tv_sec * 1000000000ULL + time->tv_nsec;
}

/* libc's, as now_ns(): no system call where the kernel has a vdso. */
static uint64_t coarse_ns(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return in_ns(&now);
}

static bool releases(struct audit_release *release)
{
	uint64_t now, limit = limit_of(release->lock);

	if (!release->since || !limit)
		return false;
	now = coarse_ns();
	release->held = now - release->since;
	return overdue_is(release->since, now, limit, grain_ns) &&
	       !told_is((uintptr_t)release->lock, lock_word(release->lock));
}

/* Return: how often, this time included. When there is no room, places count together. */
static uint32_t count_place(uintptr_t pc)
{
	uintptr_t key = pc ? pc : 1, there = 0;
	unsigned at = (key * 0x9e3779b97f4a7c15ULL) >> 56;
	struct overdue_place *place = NULL;

	_Static_assert(OVERDUE_PLACES == 256, "eight bits are taken");
	for (unsigned i = 0; i < 16; i++, there = 0) {
		place = &audit->overdue[(at + i) % OVERDUE_PLACES];
		if (atomic_compare_exchange_strong(&place->pc, &there, key) || there == key)
			break;
	}
	return atomic_fetch_add(&place->count, 1) + 1;
}

static void say(struct remark *remark, const void *facts)
{
	const struct overdue *overdue = facts;
	struct log_text *text = &remark->text;

	remark_add_lock(remark, overdue->lock, true);
	log_add(text, ": was held %lu ms, taken at ",
		(unsigned long)(overdue->held_ns / 1000000));
	remark_add_place(remark, overdue->taken_pc, true);
	log_add(text, ", released at ");
	remark_add_place(remark, overdue->released_pc, true);
	log_add(text, "; limit %lu ms", (unsigned long)(overdue->limit_ns / 1000000));
	if (overdue->times > 1)
		log_add(text, "; %u times so far from there", overdue->times);
	log_end_line(text);
}

static void put(struct remark *remark, const void *facts)
{
	const struct overdue *overdue = facts;

	remark_put_lock(remark, "lock", overdue->lock, true);
	report_json_ms(&remark->text, "held_ms", overdue->held_ns);
	report_json_ms(&remark->text, "limit_ms", overdue->limit_ns);
	report_json_number(&remark->text, "times", overdue->times);
	remark_put_place(remark, "site", overdue->taken_pc, true);
	remark_put_place(remark, "released", overdue->released_pc, true);
}

static const struct remark_form form = { .event = "long", .say = say, .put = put };

static void released(const struct audit_release *release)
{
	struct overdue overdue = { .lock = (uintptr_t)release->lock,
		.taken_pc = release->taken_pc, .released_pc = release->released_pc,
		.held_ns = release->held, .limit_ns = limit_of(release->lock) };

	overdue.times = count_place(overdue.taken_pc);
	if (overdue_is_told(overdue.times))
		remark_make(&form, &overdue);
}

void overdue_start(void)
{
	struct timespec grain = { .tv_nsec = 10000000 };

	(void)clock_getres(CLOCK_MONOTONIC_COARSE, &grain);
	grain_ns = in_ns(&grain);
	audit_hooks.clock = coarse_ns;
	audit_hooks.releases = releases;
	audit_hooks.released = released;
}
