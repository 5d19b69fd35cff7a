/* SPDX-License-Identifier: MIT */
/*
 * relock.c - the shortest of all deadlocks
 *
 * It is refused with EDEADLK, which is often ignored: then the thread goes on as if it had
 * the lock twice, and releases it too early. So it is said at once, the first time that a
 * process asks for a lock at a place. Which these were is remembered as hashes in a page of
 * the process; when that is full, which no program should achieve, nothing more is said.
 */
#include <stdatomic.h>
#include <sys/mman.h>

#include "relock.h"
#include "born.h"
#include "config.h"
#include "registry.h"
#include "remark.h"
#include "spinlock.h"

struct relock {
	uintptr_t lock;
	uintptr_t held_pc; /* where the thread has taken it; 0: not known */
	uintptr_t pc;	   /* where it asks for it */
};

#define SAID 512

/* Hashes, 0: free. */
struct said {
	_Atomic uint64_t of[SAID];
};

static struct said *_Atomic said_here;

static struct said *said_page(void)
{
	struct said *page = atomic_load(&said_here), *none = NULL;

	if (page)
		return page;
	page = born_empty(sizeof(*page));
	if (page && !atomic_compare_exchange_strong(&said_here, &none, page))
		page = none; /* another thread has been faster: a page is lost, once */
	return page;
}

static bool is_first(const struct relock *relock)
{
	struct said *said = said_page();
	uint64_t hash = (relock->lock * 0x9e3779b97f4a7c15ULL ^ relock->pc) *
			0xbf58476d1ce4e5b9ULL;

	hash |= 1;
	for (unsigned i = 0; said && i < SAID; i++) {
		_Atomic uint64_t *of = &said->of[((hash >> 32) + i) % SAID];
		uint64_t there = 0;

		if (atomic_compare_exchange_strong(of, &there, hash))
			return true;
		if (there == hash)
			return false;
	}
	return false;
}

static void say(struct remark *remark, const void *facts)
{
	const struct relock *relock = facts;

	remark_add_lock(remark, relock->lock, true);
	log_add(&remark->text, ": asked for at ");
	remark_add_place(remark, relock->pc, true);
	log_add(&remark->text, " by a thread that holds it (taken at ");
	remark_add_place(remark, relock->held_pc, true);
	log_add(&remark->text, "): refused with EDEADLK, it would never get it");
	log_end_line(&remark->text);
}

static void put(struct remark *remark, const void *facts)
{
	const struct relock *relock = facts;

	remark_put_lock(remark, "lock", relock->lock, true);
	remark_put_place(remark, "site", relock->held_pc, true);
	remark_put_place(remark, "asked", relock->pc, true);
}

static const struct remark_form form = { .event = "self", .say = say, .put = put };

static void asked_again(const struct identity *me, const fondue_spinlock_t *lock, uintptr_t pc)
{
	struct relock relock = { .lock = (uintptr_t)lock, .pc = pc };

	if (!is_first(&relock))
		return;
	relock.held_pc = registry_site(me->number, relock.lock).pc;
	remark_make(&form, &relock);
}

void relock_start(void)
{
	if (config.hold_ms)
		spinlock_asked_again = asked_again;
}
