/* SPDX-License-Identifier: MIT */
/*
 * Description: of all who wait one reports, and another when that one dies
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "config.h"
#include "identity.h"
#include "limit.h"
#include "log.h"
#include "park.h"
#include "registry.h"
#include "said.h"
#include "seen.h"
#include "told.h"
#include "watch.h"

#define MS 1000000ULL

static fondue_spinlock_t lock;

/* A slot whose thread is dead. */
static uint32_t claim_and_die(void)
{
	uint32_t *number = mmap(NULL, sizeof(*number), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (pid == 0) {
		*number = registry_claim();
		/* or the next to claim one would get it */
		registry->slots[*number].holder.lock = (uintptr_t)&lock;
		raise(SIGKILL);
	}
	waitpid(pid, NULL, 0);
	return *number;
}

/* We have been waiting since @ago_ms for a lock that slot @owner holds. */
static struct waiter waiter_for(uint32_t owner, uint64_t ago_ms)
{
	uint64_t now = now_ns();
	struct identity *me = identity_get();
	struct slot *mine = &registry->slots[me->number];
	struct waiter w = { .lock = &lock, .me = me, .seen = owner | 0x10000, .now = now,
		.seen_since = now - ago_ms * MS, .limit = limit_of(&lock) };

	lock.word = w.seen;
	atomic_store(&mine->wants, (uintptr_t)&lock);
	atomic_store(&mine->wants_since, w.seen_since);
	atomic_store(&mine->seen, w.seen);
	atomic_store(&mine->seen_since, w.seen_since);
	return w;
}

static uint32_t begin(void)
{
	said_start();
	log_start();
	config.hold_ms = 100;
	watch_start();
	return registry_create() ? registry_claim() : SLOT_ANONYMOUS;
}

static struct lasting lasting(const struct waiter *w)
{
	return (struct lasting){ .lock = (uintptr_t)w->lock, .word = w->seen,
		.since = w->seen_since, .limit_ns = w->limit };
}

/* Slot @number has begun to report it. */
static bool claims(const struct waiter *w, uint32_t number)
{
	const struct lasting this = lasting(w);
	unsigned count;

	return told_claim(&this, number, w->now, &count) == 0;
}

static int play_first(void)
{
	uint32_t owner = begin();
	struct waiter w = waiter_for(owner, 150);

	must(wait_watch.held(&w) == w.seen_since + 200 * MS);
	must(strstr(said(), "held 150 ms"));
	must(said_lines() == 0); /* all in one write */
	/* too early for the next */
	must(wait_watch.held(&w) == w.seen_since + 200 * MS && said_lines() == 0);
	w = waiter_for(owner, 250);
	must(wait_watch.held(&w) == w.seen_since + 400 * MS);
	must(strstr(said(), "held 250 ms"));
	return CHILD_GOOD;
}

static int play_somebody_at_it(void)
{
	uint32_t owner = begin();
	struct waiter w = waiter_for(owner, 150);

	must(claims(&w, registry_claim())); /* of our own life: it lives */
	must(wait_watch.held(&w) > w.now && wait_watch.held(&w) < w.now + 100 * MS);
	must(said_lines() == 0);
	must(told_is((uintptr_t)&lock, w.seen));
	return CHILD_GOOD;
}

static int play_reporter_dead(void)
{
	uint32_t owner = begin();
	struct waiter w = waiter_for(owner, 150);

	must(claims(&w, claim_and_die()));
	must(wait_watch.held(&w) == w.seen_since + 200 * MS);
	must(strstr(said(), "held 150 ms"));
	return CHILD_GOOD;
}

/* What was told of another acquisition does not count. */
static int play_another(void)
{
	uint32_t owner = begin();
	struct waiter w = waiter_for(owner, 150);

	w.seen += 0x20000;
	must(claims(&w, registry_claim()));
	w.seen -= 0x20000;
	must(wait_watch.held(&w) == w.seen_since + 200 * MS);
	must(strstr(said(), "held 150 ms"));
	return CHILD_GOOD;
}

static int play_over(void)
{
	uint32_t owner = begin();
	struct waiter w = waiter_for(owner, 150);

	wait_watch.over(w.lock, w.seen, w.now, "released"); /* nothing was told of it */
	must(said_lines() == 0);
	(void)wait_watch.held(&w);
	(void)said();
	wait_watch.over(w.lock, w.seen, w.now, "released");
	must(strstr(said(), "released after 150 ms"));
	wait_watch.over(w.lock, w.seen, w.now, "released"); /* somebody has said it */
	must(said_lines() == 0);
	return CHILD_GOOD;
}

/* The release has come between the look at the lock and the report. */
static int play_released(void)
{
	uint32_t owner = begin();
	struct waiter w = waiter_for(owner, 150);

	lock.word = 0;
	must(wait_watch.held(&w) == w.now && said_lines() == 0);
	must(!told_is((uintptr_t)&lock, w.seen));
	w = waiter_for(owner, 150);
	must(wait_watch.held(&w) == w.seen_since + 200 * MS);
	return CHILD_GOOD;
}

/* Who gives up as the lock is released, and has not seen it, leaves nothing behind. */
static int play_leave_late(void)
{
	uint32_t owner = begin();
	struct waiter w = waiter_for(owner, 50);
	uint64_t since;

	seen_leave(&w, w.seen);
	must(told_resume((uintptr_t)&lock, w.seen, &since) && since == w.seen_since);
	told_forget((uintptr_t)&lock, w.seen);
	lock.word = 0;
	seen_leave(&w, w.seen);
	must(!told_resume((uintptr_t)&lock, w.seen, &since));
	return CHILD_GOOD;
}

/* Who gives up as the lock is released says what nobody else would. */
static int play_leave_told(void)
{
	uint32_t owner = begin();
	struct waiter w = waiter_for(owner, 150);

	seen_tell(&w);
	must(strstr(said(), "held 150 ms"));
	must(!told_end((uintptr_t)&lock, w.seen)); /* it waits still */
	lock.word = w.seen + 0x20000;
	seen_leave(&w, lock.word);
	must(strstr(said(), "passed on after 150 ms"));
	seen_leave(&w, lock.word);
	must(said_lines() == 0);
	return CHILD_GOOD;
}

/* Nobody sleeps any more: what was told of is over, and its end not lost. */
static int play_anew(void)
{
	uint32_t owner = begin();
	struct waiter w = waiter_for(owner, 150);

	seen_tell(&w);
	seen_leave(&w, w.seen);
	must(strstr(said(), "held 150 ms"));
	w = waiter_for(owner, 0);
	seen_begin_anew(&w);
	must(strstr(said(), "released after "));
	seen_begin_anew(&w);
	must(said_lines() == 0 && !told_is((uintptr_t)&lock, w.seen));
	return CHILD_GOOD;
}

/* The earliest that any waiter has seen. */
static int play_longest(void)
{
	uint32_t owner = begin(), other = registry_claim();
	struct waiter w = waiter_for(owner, 150);
	struct slot *slot = &registry->slots[other];

	atomic_store(&slot->wants, (uintptr_t)&lock);
	atomic_store(&slot->wants_since, w.now - 5000 * MS);
	atomic_store(&slot->seen, w.seen);
	atomic_store(&slot->seen_since, w.now - 3200 * MS);
	(void)wait_watch.held(&w);
	must(strstr(said(), "held 3.2 s by "));
	/* but not of another acquisition, and not by the dead */
	atomic_store(&slot->seen, w.seen + 1);
	told_forget((uintptr_t)&lock, w.seen);
	(void)wait_watch.held(&w);
	must(strstr(said(), "held 150 ms by "));
	return CHILD_GOOD;
}

static int play_elsewhere(void)
{
	uint32_t owner = begin();
	struct waiter w = waiter_for(owner, 150);

	registry->slots[owner].namespace = 1;
	atomic_store(&registry->slots[owner].pid, 4711);
	atomic_store(&registry->slots[owner].tid, 4711);
	(void)wait_watch.held(&w);
	must(strstr(said(), "by pid 4711 tid 4711 in its own pid namespace;"));
	return CHILD_GOOD;
}

static int play_off(void)
{
	(void)begin();
	config.hold_ms = 0;
	watch_start();
	must(limit_of(&lock) == 0);
	return CHILD_GOOD;
}

int main(void)
{
	if (is_emulated()) {
		skip("reports", "the emulator has no robust futexes");
		return tap_done();
	}
	test_play("it is reported, and again when twice as long has passed", play_first);
	test_play("not while somebody else is at it", play_somebody_at_it);
	test_play("but if that one is dead", play_reporter_dead);
	test_play("each acquisition counts for itself", play_another);
	test_play("its end is told once, if it was told of", play_over);
	test_play("what has been released meanwhile is not reported", play_released);
	test_play("who gives up too late to see it leaves nothing", play_leave_late);
	test_play("unless it has reported it: that it is over", play_leave_told);
	test_play("so does who falls asleep at its next acquisition", play_anew);
	test_play("held as long as any waiter has seen it held", play_longest);
	test_play("a number of another pid namespace is not taken for one of ours",
		play_elsewhere);
	test_play("with a limit of 0 nothing is watched", play_off);
	return tap_done();
}
