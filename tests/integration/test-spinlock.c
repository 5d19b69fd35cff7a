/* SPDX-License-Identifier: MIT */
/*
 * Description: the lock between processes that live
 *
 * Every claim is made twice: for a lock among annotated globals, and for one in a shared
 * mapping of the program's own. That the lock excludes is seen on a counter which nothing
 * else protects: a lost increment is two owners at once.
 */
#include "locking.h"

FONDUE_SHARED static struct board annotated;

static int work_busy(void)
{
	return fondue_spin_trylock(&board->lock) == EBUSY &&
			       fondue_spin_unlock(&board->lock) == EPERM ?
		       CHILD_GOOD :
		       1;
}

static int play_zero(void)
{
	must(fondue_active());
	must(fondue_spin_lock(&board->lock) == 0);
	must(board->lock.word != 0);
	must(unit_wait(start(work_busy)) == CHILD_GOOD);
	must(fondue_spin_unlock(&board->lock) == 0);
	must(board->lock.word == 0 && board->lock.wait == 0);
	must(fondue_spin_unlock(&board->lock) == EPERM);
	must(board->lock.word == 0);
	return CHILD_GOOD;
}

static int play_twice(void)
{
	struct timespec soon = time_at(now() + 1000 * MS);
	uint32_t word;

	must(fondue_spin_lock(&board->lock) == 0);
	word = board->lock.word;
	must(fondue_spin_lock(&board->lock) == EDEADLK);
	must(fondue_spin_trylock(&board->lock) == EDEADLK);
	must(fondue_spin_timedlock(&board->lock, &soon) == EDEADLK);
	must(board->lock.word == word);
	must(unit_wait(start(work_busy)) == CHILD_GOOD);
	must(fondue_spin_lock(&board->second) == 0);
	must(fondue_spin_lock(&board->second) == EDEADLK);
	must(fondue_spin_lock(&board->lock) == EDEADLK);
	must(fondue_spin_unlock(&board->second) == 0);
	must(fondue_spin_lock(&board->lock) == EDEADLK);
	must(fondue_spin_unlock(&board->lock) == 0);
	must(is_sound(&board->lock) && is_sound(&board->second));
	return CHILD_GOOD;
}

static int play_late(void)
{
	pid_t owner = start_ready(work_hold);
	struct timespec deadline;
	long long from, end;

	must(owner > 0);
	for (int wait_ms = 0; wait_ms <= 120; wait_ms = wait_ms * 2 + 15) {
		from = now();
		deadline = time_at(from + wait_ms * MS);
		must(fondue_spin_timedlock(&board->lock, &deadline) == ETIMEDOUT);
		end = now();
		must(end >= from + wait_ms * MS && end < from + wait_ms * MS + SLACK);
	}
	deadline = (struct timespec){ 0, 0 };
	must(fondue_spin_timedlock(&board->lock, &deadline) == ETIMEDOUT);
	deadline = (struct timespec){ -1, 0 };
	must(fondue_spin_timedlock(&board->lock, &deadline) == ETIMEDOUT);
	deadline = (struct timespec){ 1, 1000000000 };
	must(fondue_spin_timedlock(&board->lock, &deadline) == EINVAL);
	deadline = (struct timespec){ 1, -1 };
	must(fondue_spin_timedlock(&board->lock, &deadline) == EINVAL);
	must(is_killed(owner));
	return CHILD_GOOD;
}

/* "Never", as people write it. */
static const time_t far_away[] = { 1L << 31, 1000000000000, 1L << 40, 1L << 55, 1L << 62,
	0x7fffffffffffffff };

static int work_wait_long(void)
{
	struct timespec deadline = { .tv_sec = far_away[atomic_load(&board->go)] };

	atomic_fetch_add(&board->ready, 1);
	return count_result(fondue_spin_timedlock(&board->lock, &deadline)) == EOWNERDEAD &&
			       fondue_spin_unlock(&board->lock) == 0 ?
		       CHILD_GOOD :
		       1;
}

static int play_far_away(void)
{
	for (unsigned i = 0; i < sizeof(far_away) / sizeof(far_away[0]); i++) {
		pid_t owner = start_ready(work_hold), waiter;

		atomic_store(&board->go, i);
		waiter = start_parked(work_wait_long);
		must(waiter > 0 && is_killed(owner));
		must(unit_wait(waiter) == CHILD_GOOD);
	}
	return CHILD_GOOD;
}

static int play_errno(void)
{
	pid_t owner;
	struct timespec soon;

	errno = 12345;
	must(is_sound(&board->lock));
	must(fondue_spin_unlock(&board->lock) == EPERM && errno == 12345);
	owner = start_ready(work_hold);
	soon = time_at(now() + 70 * MS);
	errno = 12345;
	must(fondue_spin_trylock(&board->lock) == EBUSY && errno == 12345);
	must(fondue_spin_unlock(&board->lock) == EPERM && errno == 12345);
	must(fondue_spin_timedlock(&board->lock, &soon) == ETIMEDOUT && errno == 12345);
	must(is_killed(owner));
	errno = 12345;
	must(fondue_spin_lock(&board->lock) == EOWNERDEAD && errno == 12345);
	must(fondue_spin_lock(&board->lock) == EDEADLK && errno == 12345);
	must(fondue_spin_unlock(&board->lock) == 0 && errno == 12345);
	return CHILD_GOOD;
}

/* The child of a fork under the lock: it is not its own, and it waits for the parent. */
static int work_inherit(void)
{
	bool good = fondue_spin_unlock(&board->lock) == EPERM &&
		    fondue_spin_trylock(&board->lock) == EBUSY &&
		    fondue_spin_lock(&board->second) == 0 &&
		    fondue_spin_unlock(&board->lock) == EPERM;

	return work_take() == CHILD_GOOD && good &&
			       fondue_spin_unlock(&board->second) == 0 ?
		       CHILD_GOOD :
		       1;
}

static int play_held_across_fork(void)
{
	uint32_t word;
	pid_t child;

	must(fondue_spin_lock(&board->lock) == 0);
	word = board->lock.word;
	child = start_parked(work_inherit);
	must(child > 0);
	must(board->lock.word == word);
	must((board->second.word & 0xffff) != (word & 0xffff));
	must(fondue_spin_unlock(&board->lock) == 0);
	must(unit_wait(child) == CHILD_GOOD);
	must(is_sound(&board->lock) && is_sound(&board->second));
	return CHILD_GOOD;
}

static pid_t forked_in_handler = -1;

static void early_child(void)
{
	/* signs as itself, though registered before anything of the lock's */
	if (fondue_spin_trylock(&board->lock) != EBUSY ||
		fondue_spin_unlock(&board->lock) != EPERM)
		_exit(3);
}

/* Handlers of the program's that were there before its first lock. */
static int play_atfork(void)
{
	must(pthread_atfork(NULL, NULL, early_child) == 0);
	must(fondue_spin_lock(&board->lock) == 0);
	forked_in_handler = start(work_busy);
	must(unit_wait(forked_in_handler) == CHILD_GOOD);
	must(fondue_spin_unlock(&board->lock) == 0);
	return CHILD_GOOD;
}

/* Ten at once, released in the order that @step makes; each is seen from a child. */
static int nest(unsigned step)
{
	for (unsigned i = 0; i < 10; i++)
		must(fondue_spin_lock(&board->many[i]) == 0);
	for (unsigned i = 0; i < 10; i++)
		must(fondue_spin_trylock(&board->many[i]) == EDEADLK);
	for (unsigned i = 0, at = step - 1; i < 10; i++, at = (at + step) % 11) {
		must(board->many[at].word != 0);
		must(fondue_spin_unlock(&board->many[at]) == 0);
		must(board->many[at].word == 0);
		must(fondue_spin_unlock(&board->many[at]) == EPERM);
		/* one more in between, on whatever way is open now */
		must(is_sound(&board->lock));
	}
	return CHILD_GOOD;
}

static int play_nested(void)
{
	for (unsigned step = 1; step <= 10; step++)
		must(nest(step) == CHILD_GOOD);
	for (unsigned i = 0; i < 10; i++)
		must(is_sound(&board->many[i]));
	return CHILD_GOOD;
}

/* Turns are shared by locks of the same hash (wake.c); find such in @locks. */
static bool find_same_turn(fondue_spinlock_t *locks, size_t count, fondue_spinlock_t **ret)
{
	for (size_t i = 1; i < count; i++)
		if (((uintptr_t)&locks[i] * 0x9e3779b97f4a7c15ULL) >> 56 ==
			((uintptr_t)locks * 0x9e3779b97f4a7c15ULL) >> 56) {
			*ret = &locks[i];
			return true;
		}
	return false;
}

static fondue_spinlock_t *one, *other;
static volatile long *sums;

static int work_two(void)
{
	for (int i = 0; i < 3000; i++) {
		if (fondue_spin_lock(one) || ++sums[0] < 0 || fondue_spin_unlock(one))
			return 1;
		if (fondue_spin_lock(other) || ++sums[1] < 0 || fondue_spin_unlock(other))
			return 1;
	}
	return CHILD_GOOD;
}

static int play_same_turn(void)
{
	size_t count = 4096;
	pid_t children[8];

	one = mmap(NULL, count * sizeof(*one), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(one != MAP_FAILED && find_same_turn(one, count, &other));
	sums = (volatile long *)(one + 1);
	must(other > one + 2);
	for (int i = 0; i < 8; i++)
		children[i] = start(work_two);
	for (int i = 0; i < 8; i++)
		must(unit_wait(children[i]) == CHILD_GOOD);
	must(sums[0] == 24000 && sums[1] == 24000);
	return CHILD_GOOD;
}

static const struct {
	const char *name;
	int (*play)(void);
} plays[] = {
	{ "zeroed memory is a free lock, and free again it is zero", play_zero },
	{ "a lock that is held is not taken twice", play_twice },
	{ "a timed wait ends at its deadline and not before", play_late },
	{ "a deadline in the far future is none", play_far_away },
	{ "errno is left alone", play_errno },
	{ "a lock held across fork() stays the parent's", play_held_across_fork },
	{ "a child signs as itself in the program's own atfork handlers", play_atfork },
	{ "ten locks are held at once, and released in any order", play_nested },
	{ "two locks that share a turn are two locks", play_same_turn },
};

int main(void)
{
	struct board *mapped = map_board();
	char name[128];

	for (unsigned i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
		snprintf(name, sizeof(name), "annotated: %s", plays[i].name);
		test(name, plays_on(&annotated, plays[i].play));
		snprintf(name, sizeof(name), "mapped: %s", plays[i].name);
		test(name, plays_on(mapped, plays[i].play));
	}
	return tap_done();
}
