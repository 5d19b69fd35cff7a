/* SPDX-License-Identifier: MIT */
/*
 * Description: the lock outlives its owners, and the dead are told from the sleeping
 *
 * Whoever gets a lock whose owner died holding it is told so, once; nobody else is. Owners
 * die in every way there is, with waiters that sleep, that spin, or that come later.
 */
#include "locking.h"

FONDUE_SHARED static struct board annotated;

/* How an owner ends, the lock in its hand. */
static int end_by_kill(void)
{
	return raise(SIGKILL);
}

static int end_by_exit(void)
{
	exit(0);
}

static int end_by__exit(void)
{
	_exit(0);
}

static int end_by_exec(void)
{
	return execl("/bin/true", "true", NULL);
}

static void *hold_in_thread(void *none)
{
	(void)none;
	fondue_spin_lock(&board->lock);
	return NULL;
}

static int end_by_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, hold_in_thread, NULL) ||
		pthread_join(thread, NULL))
		return 1;
	return 0;
}

static int (*const ends[])(void) = {
	end_by_kill, end_by_exit, end_by__exit, end_by_exec, end_by_thread };
#define ENDS (sizeof(ends) / sizeof(ends[0]))
static int (*ending)(void);

/* Holds both locks until told to go, then ends so. */
static int work_end(void)
{
	if (ending != end_by_thread && fondue_spin_lock(&board->lock))
		return 1;
	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->go))
		sched_yield();
	return ending();
}

static int play_later(void)
{
	struct timespec soon;

	for (unsigned i = 0; i < ENDS * 3; i++) {
		pid_t owner;

		ending = ends[i % ENDS];
		atomic_store(&board->go, 1);
		owner = start_ready(work_end);
		must(owner > 0 && unit_wait(owner) >= 0);
		soon = time_at(now() + 1000 * MS);
		must((i / ENDS == 0   ? fondue_spin_lock(&board->lock)
		      : i / ENDS == 1 ? fondue_spin_trylock(&board->lock)
				      : fondue_spin_timedlock(&board->lock, &soon)) ==
			EOWNERDEAD);
		must(fondue_spin_trylock(&board->lock) == EDEADLK);
		must(fondue_spin_unlock(&board->lock) == 0 && is_sound(&board->lock));
	}
	return CHILD_GOOD;
}

static int play_parked(void)
{
	for (unsigned i = 0; i < ENDS; i++) {
		pid_t owner, waiter;
		long long from;

		ending = ends[i];
		if (ending == end_by_thread)
			continue; /* see play_parked_on_thread() */
		atomic_store(&board->go, 0);
		owner = start_ready(work_end);
		waiter = start_parked(work_take);
		must(owner > 0 && waiter > 0);
		from = now();
		atomic_store(&board->go, 1);
		must(unit_wait(waiter) == CHILD_GOOD && now() - from < SLACK);
		must(board->got[GOT_DEAD] == (int)i + 1 && board->got[GOT_ZERO] == 0);
		must(unit_wait(owner) >= 0 && is_sound(&board->lock));
	}
	return CHILD_GOOD;
}

static void *hold_until_go(void *none)
{
	(void)none;
	fondue_spin_lock(&board->lock);
	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->go))
		sched_yield();
	return NULL;
}

/* The process lives on: it is the thread that is dead. */
static int play_parked_on_thread(void)
{
	pthread_t thread;
	pid_t waiter;

	must(is_sound(&board->second)); /* we have a slot, too */
	must(pthread_create(&thread, NULL, hold_until_go, NULL) == 0);
	must(eventually(atomic_load(&board->ready) == 1));
	waiter = start_parked(work_take);
	must(waiter > 0);
	atomic_store(&board->go, 1);
	must(unit_wait(waiter) == CHILD_GOOD && board->got[GOT_DEAD] == 1);
	must(pthread_join(thread, NULL) == 0 && is_sound(&board->lock));
	return CHILD_GOOD;
}

/* Killed at once when the waiter sets out: it looks and spins, or just has gone to sleep. */
static int play_spinning(void)
{
	for (int i = 0; i < 100; i++) {
		pid_t owner = start_ready(work_hold), waiter = start_ready(work_take);

		must(owner > 0 && waiter > 0 && is_killed(owner));
		must(unit_wait(waiter) == CHILD_GOOD);
	}
	must(board->got[GOT_DEAD] == 100 && board->counter == 100);
	return CHILD_GOOD;
}

static int play_stopped(void)
{
	pid_t owner, waiter;

	ending = end_by__exit;
	owner = start_ready(work_hold);
	must(owner > 0 && stop_and_see(owner));
	must(fondue_spin_trylock(&board->lock) == EBUSY);
	waiter = start_parked(work_take);
	must(waiter > 0);
	/* longer than any sleep in the lock */
	for (long long end = now() + 3 * BACKSTOP; now() < end;)
		must(atomic_load(&board->left) == 0 && sched_yield() == 0);
	must(kill(owner, SIGCONT) == 0 && atomic_load(&board->left) == 0);
	must(fondue_spin_trylock(&board->lock) == EBUSY);
	must(is_killed(owner) && unit_wait(waiter) == CHILD_GOOD);
	must(board->got[GOT_DEAD] == 1 && is_sound(&board->lock));
	return CHILD_GOOD;
}

/* Stopped and continued, then released by hand: nobody hears of a death. */
static int work_release(void)
{
	fondue_spin_lock(&board->lock);
	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->go))
		sched_yield();
	return fondue_spin_unlock(&board->lock) == 0 ? CHILD_GOOD : 1;
}

static int play_continued(void)
{
	pid_t owner = start_ready(work_release), waiter;

	must(owner > 0 && stop_and_see(owner));
	waiter = start_parked(work_take);
	must(waiter > 0);
	atomic_store(&board->go, 1);
	must(kill(owner, SIGCONT) == 0 && unit_wait(owner) == CHILD_GOOD);
	must(unit_wait(waiter) == CHILD_GOOD);
	must(board->got[GOT_ZERO] == 1 && board->got[GOT_DEAD] == 0);
	return CHILD_GOOD;
}

/* An owner with a child of its own, which lives: it is not the owner. */
static int work_parent(void)
{
	if (fondue_spin_lock(&board->lock))
		return 1;
	if (fork() == 0) {
		is_sound(&board->second);
		atomic_fetch_add(&board->ready, 1);
		eventually(atomic_load(&board->left) != 0);
		_exit(0);
	}
	for (;;)
		pause();
}

static int play_orphan(void)
{
	pid_t owner = start_ready(work_parent);

	must(owner > 0 && fondue_spin_trylock(&board->lock) == EBUSY);
	must(is_killed(owner));
	must(fondue_spin_lock(&board->lock) == EOWNERDEAD);
	must(fondue_spin_unlock(&board->lock) == 0 && is_sound(&board->lock));
	atomic_store(&board->left, 1);
	return CHILD_GOOD;
}

static int work_hold_many(void)
{
	for (int i = 0; i < 10; i++)
		if (fondue_spin_lock(&board->many[i]))
			return 1;
	/* the first one, which the fast path took, has gone already; and one more has come */
	fondue_spin_unlock(&board->many[0]);
	fondue_spin_lock(&board->many[10]);
	atomic_fetch_add(&board->ready, 1);
	for (;;)
		pause();
}

static int play_nested(void)
{
	pid_t owner = start_ready(work_hold_many);

	must(owner > 0 && is_killed(owner));
	must(is_sound(&board->many[0]));
	for (int i = 1; i <= 10; i++)
		must(fondue_spin_lock(&board->many[i]) == EOWNERDEAD);
	for (int i = 1; i <= 10; i++)
		must(fondue_spin_unlock(&board->many[i]) == 0 && is_sound(&board->many[i]));
	return CHILD_GOOD;
}

/* Waiters die asleep, stopped, and just woken; those behind them get through. */
static int play_waiters(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t first, second;

		atomic_store(&board->left, 0);
		must(fondue_spin_lock(&board->lock) == 0);
		first = start_parked(work_take);
		second = start_parked(work_take);
		must(first > 0 && second > 0);
		if (i % 2)
			must(stop_and_see(first));
		if (i % 4 < 2)
			must(is_killed(first));
		must(fondue_spin_unlock(&board->lock) == 0);
		if (i % 4 >= 2)
			(void)(kill(first, SIGKILL) || unit_wait(first));
		must(eventually(unit_wait(second) == CHILD_GOOD));
	}
	must(board->got[GOT_DEAD] <= 5); /* woken ones that were the owner by then */
	(void)fondue_spin_lock(&board->lock);
	must(fondue_spin_unlock(&board->lock) == 0 && is_sound(&board->lock));
	return CHILD_GOOD;
}

/* On one processor, and only when nobody else wants it: woken, such a waiter does not run. */
static bool share_one_processor(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0;
}

static int work_take_idly(void)
{
	/* the system call: musl has no such function */
	if (syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &(struct sched_param){ 0 }) != 0)
		return 1;
	return work_take();
}

/* Release it until the word names nobody and is not zero: it is kept for a sleeper. */
static bool release_reserves(void)
{
	for (long long end = now() + 50 * MS; now() < end;) {
		uint32_t word;

		if (fondue_spin_unlock(&board->lock) != 0)
			return false;
		word = *(volatile uint32_t *)&board->lock.word;
		if (word != 0 && (word & 0xffff) == 0)
			return true;
		if (fondue_spin_lock(&board->lock) != 0)
			return false;
	}
	return false;
}

/* All that the lock may be kept for die before they can take it. */
static int play_heir(void)
{
	pid_t heirs[4];
	int reserved = 0;

	must(share_one_processor());
	for (int i = 0; i < 5; i++) {
		must(fondue_spin_lock(&board->lock) == 0);
		for (int j = 0; j < 4; j++)
			must((heirs[j] = start_parked(work_take_idly)) > 0);
		if (release_reserves())
			reserved++;
		else
			(void)fondue_spin_unlock(&board->lock);
		for (int j = 0; j < 4; j++)
			(void)kill(heirs[j], SIGKILL);
		for (int j = 0; j < 4; j++)
			must(unit_wait(heirs[j]) == 1000 + SIGKILL ||
				atomic_load(&board->left) > 0);
		must(eventually(fondue_spin_trylock(&board->lock) != EBUSY));
		must(fondue_spin_unlock(&board->lock) == 0);
	}
	tap_note("kept for the dead %d times of 5", reserved);
	return CHILD_GOOD;
}

#define CROWD 20

static int play_crowd(void)
{
	pid_t owner = start_ready(work_hold), crowd[CROWD];

	must(owner > 0);
	for (int i = 0; i < CROWD; i++)
		must((crowd[i] = start_parked(work_take)) > 0);
	must(is_killed(owner));
	for (int i = 0; i < CROWD; i++)
		must(unit_wait(crowd[i]) == CHILD_GOOD);
	must(board->got[GOT_DEAD] == 1 && board->got[GOT_ZERO] == CROWD); /* one: the owner */
	must(board->counter == CROWD && is_sound(&board->lock));
	return CHILD_GOOD;
}

/* A woken waiter that is stopped keeps the others for the backstop at most. */
static int play_stopped_heir(void)
{
	pid_t heir, others[4];
	long long from;

	must(share_one_processor());
	must(fondue_spin_lock(&board->lock) == 0);
	heir = start_parked(work_take_idly);
	must(heir > 0);
	for (int i = 0; i < 4; i++)
		must((others[i] = start_parked(work_take)) > 0);
	from = now();
	must(fondue_spin_unlock(&board->lock) == 0);
	must(stop_and_see(heir) && atomic_load(&board->left) == 0);
	for (int i = 0; i < 4; i++)
		must(unit_wait(others[i]) == CHILD_GOOD);
	must(now() - from < 4 * BACKSTOP + SLACK && atomic_load(&board->left) == 4);
	must(is_sound(&board->lock));
	must(kill(heir, SIGCONT) == 0 && unit_wait(heir) == CHILD_GOOD);
	must(is_sound(&board->lock) && board->got[GOT_DEAD] == 0);
	return CHILD_GOOD;
}

#define PLAY(name, play) test(name, plays_on(&annotated, play) && plays_on(mapped, play))

int main(void)
{
	struct board *mapped = map_board();

	PLAY("who comes later is told of the death, whatever it was", play_later);
	PLAY("so is who sleeps already", play_parked);
	PLAY("so is who sleeps when a thread ends", play_parked_on_thread);
	PLAY("so is who is on his way to sleep", play_spinning);
	PLAY("a stopped owner is not a dead one", play_stopped);
	PLAY("a stopped owner that goes on releases as ever", play_continued);
	PLAY("an owner is dead though its child lives", play_orphan);
	PLAY("all locks of a dead owner are found", play_nested);
	PLAY("waiters may die", play_waiters);
	PLAY("all for whom the lock is kept may die", play_heir);
	PLAY("twenty waiters of a dead owner get through, one of them told", play_crowd);
	PLAY("a woken waiter that is stopped does not stop the others", play_stopped_heir);
	return tap_done();
}
