/* SPDX-License-Identifier: MIT */
/*
 * Description: locks of libc that lie in shared memory work between processes
 *
 * Nothing here says PTHREAD_PROCESS_SHARED. Each claim is made of locks that are
 * initialised in one of these ways: statically, not at all (zeroed memory is the same), and
 * by the functions, with attributes and without; in annotated memory and in the shared
 * heap.
 */
#include <errno.h>
#include <semaphore.h>
#include <threads.h>

#include <fondue/heap.h>
#include <fondue/shared.h>

#include "pthreading.h"

struct board {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	pthread_rwlock_t rwlock;
	pthread_barrier_t barrier;
	sem_t semaphore, answer;
	mtx_t mtx;
	cnd_t cnd;
	volatile unsigned long count, second;
	volatile int turn;
	atomic_int about_to;
};

FONDUE_SHARED static struct board initialised = {
	.mutex = PTHREAD_MUTEX_INITIALIZER,
	.cond = PTHREAD_COND_INITIALIZER,
	.rwlock = PTHREAD_RWLOCK_INITIALIZER,
};
FONDUE_SHARED_ZERO static struct board zeroed;
FONDUE_SHARED static struct board made;

static struct board *board;

/* Ways to come by one. What cannot be initialised statically is by its function. */

static void make_others(void)
{
	pthread_barrier_init(&board->barrier, NULL, CHILDREN);
	sem_init(&board->semaphore, 0, 0);
	sem_init(&board->answer, 0, 0);
}

static void take_initialised(void)
{
	board = &initialised;
	make_others();
}

static void take_zeroed(void)
{
	board = &zeroed;
	make_others();
}

static void make_all(struct board *in)
{
	board = in;
	pthread_mutex_init(&board->mutex, NULL);
	pthread_cond_init(&board->cond, NULL);
	pthread_rwlock_init(&board->rwlock, NULL);
	mtx_init(&board->mtx, mtx_plain);
	cnd_init(&board->cnd);
	make_others();
}

static void take_made(void)
{
	make_all(&made);
}

static void take_allocated(void)
{
	make_all(fondue_calloc(1, sizeof(*board)));
}

static void take_cleared(void)
{
	board = fondue_calloc(1, sizeof(*board));
	make_others();
}

/* By these attributes something else is asked for than to be shared. */
static void take_special(void)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;

	make_all(&made);
	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_settype(&mutex, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutexattr_setprotocol(&mutex, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&board->mutex, &mutex);
	pthread_condattr_init(&cond);
	pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
	pthread_cond_init(&board->cond, &cond);
	mtx_init(&board->mtx, mtx_timed | mtx_recursive);
}

/* Mutexes */

static int count_by_mutex(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		must(pthread_mutex_lock(&board->mutex) == 0);
		board->count++;
		must(pthread_mutex_unlock(&board->mutex) == 0);
	}
	return CHILD_GOOD;
}

static int play_mutex(void)
{
	must(all_do(count_by_mutex));
	must(board->count == CHILDREN * ROUNDS);
	return CHILD_GOOD;
}

static int wait_for_mutex(void)
{
	atomic_store(&board->about_to, 1);
	must(pthread_mutex_lock(&board->mutex) == 0);
	return pthread_mutex_unlock(&board->mutex) == 0 ? CHILD_GOOD : 1;
}

/* Who sleeps is woken by another process. */
static int play_woken(void)
{
	pid_t child;

	must(pthread_mutex_lock(&board->mutex) == 0);
	child = start_child(wait_for_mutex);
	must(falls_asleep(child, &board->about_to));
	must(pthread_mutex_unlock(&board->mutex) == 0);
	must(unit_wait(child) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int try_mutex(void)
{
	struct timespec now;

	must(pthread_mutex_trylock(&board->mutex) == EBUSY);
	clock_gettime(CLOCK_REALTIME, &now);
	must(pthread_mutex_timedlock(&board->mutex, &now) == ETIMEDOUT);
	return CHILD_GOOD;
}

static int play_tries(void)
{
	must(pthread_mutex_trylock(&board->mutex) == 0);
	must(unit_wait(start_child(try_mutex)) == CHILD_GOOD);
	must(pthread_mutex_unlock(&board->mutex) == 0);
	return CHILD_GOOD;
}

/* Condition variables */

/* Wait for one's turn, give it to the other. */
static int take_turns(int mine)
{
	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		must(pthread_mutex_lock(&board->mutex) == 0);
		while (board->turn != mine)
			must(pthread_cond_wait(&board->cond, &board->mutex) == 0);
		board->turn = !mine;
		must(pthread_cond_signal(&board->cond) == 0);
		must(pthread_mutex_unlock(&board->mutex) == 0);
	}
	return CHILD_GOOD;
}

static int take_first_turns(void)
{
	return take_turns(0);
}

static int take_second_turns(void)
{
	return take_turns(1);
}

static int play_turns(void)
{
	pid_t first = start_child(take_first_turns), second = start_child(take_second_turns);

	must(unit_wait(first) == CHILD_GOOD && unit_wait(second) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int wait_for_all(void)
{
	must(pthread_mutex_lock(&board->mutex) == 0);
	board->count++;
	while (!board->turn)
		must(pthread_cond_wait(&board->cond, &board->mutex) == 0);
	must(pthread_mutex_unlock(&board->mutex) == 0);
	return CHILD_GOOD;
}

/* All of them wait when the mutex is free and each has been counted. */
static int call_all(void)
{
	for (bool done = false; !done; sched_yield()) {
		must(pthread_mutex_lock(&board->mutex) == 0);
		done = board->count == CHILDREN;
		board->turn = done;
		if (done)
			must(pthread_cond_broadcast(&board->cond) == 0);
		must(pthread_mutex_unlock(&board->mutex) == 0);
	}
	return CHILD_GOOD;
}

static int play_broadcast(void)
{
	pid_t caller = start_child(call_all);

	must(all_do(wait_for_all));
	must(unit_wait(caller) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* Readers and writers */

static int count_by_rwlock(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		must(pthread_rwlock_rdlock(&board->rwlock) == 0);
		must(board->count == board->second);
		must(pthread_rwlock_unlock(&board->rwlock) == 0);
		must(pthread_rwlock_wrlock(&board->rwlock) == 0);
		board->count++;
		board->second++;
		must(pthread_rwlock_unlock(&board->rwlock) == 0);
	}
	return CHILD_GOOD;
}

static int play_rwlock(void)
{
	must(all_do(count_by_rwlock));
	must(board->count == CHILDREN * ROUNDS);
	return CHILD_GOOD;
}

static int wait_to_write(void)
{
	atomic_store(&board->about_to, 1);
	return pthread_rwlock_wrlock(&board->rwlock) == 0 ? CHILD_GOOD : 1;
}

static int wait_to_read(void)
{
	must(pthread_rwlock_tryrdlock(&board->rwlock) == EBUSY);
	atomic_store(&board->about_to, 1);
	return pthread_rwlock_rdlock(&board->rwlock) == 0 ? CHILD_GOOD : 1;
}

static int play_writer_woken(void)
{
	pid_t child;

	must(pthread_rwlock_rdlock(&board->rwlock) == 0);
	child = start_child(wait_to_write);
	must(falls_asleep(child, &board->about_to));
	must(pthread_rwlock_unlock(&board->rwlock) == 0);
	must(unit_wait(child) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int play_reader_woken(void)
{
	pid_t child;

	must(pthread_rwlock_wrlock(&board->rwlock) == 0);
	child = start_child(wait_to_read);
	must(falls_asleep(child, &board->about_to));
	must(pthread_rwlock_unlock(&board->rwlock) == 0);
	must(unit_wait(child) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* Barriers and semaphores */

static int meet(void)
{
	for (unsigned long i = 1; i <= ROUNDS / 100; i++) {
		__atomic_add_fetch(&board->count, 1, __ATOMIC_RELAXED);
		pthread_barrier_wait(&board->barrier);
		must(board->count == i * CHILDREN);
		pthread_barrier_wait(&board->barrier);
	}
	return CHILD_GOOD;
}

static int play_barrier(void)
{
	must(all_do(meet));
	return CHILD_GOOD;
}

static int answer(void)
{
	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		must(sem_wait(&board->semaphore) == 0);
		must(sem_post(&board->answer) == 0);
	}
	return CHILD_GOOD;
}

static int play_semaphore(void)
{
	pid_t child = start_child(answer);

	alarm(PATIENCE);
	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		must(sem_post(&board->semaphore) == 0);
		must(sem_wait(&board->answer) == 0);
	}
	must(unit_wait(child) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* As C11 calls them */

static int take_c11_turns(int mine)
{
	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		must(mtx_lock(&board->mtx) == thrd_success);
		while (board->turn != mine)
			must(cnd_wait(&board->cnd, &board->mtx) == thrd_success);
		board->turn = !mine;
		must(cnd_signal(&board->cnd) == thrd_success);
		must(mtx_unlock(&board->mtx) == thrd_success);
	}
	return CHILD_GOOD;
}

static int take_first_c11(void)
{
	return take_c11_turns(0);
}

static int play_c11(void)
{
	pid_t child = start_child(take_first_c11);

	alarm(PATIENCE);
	must(take_c11_turns(1) == CHILD_GOOD);
	must(unit_wait(child) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int try_mtx(void)
{
	struct timespec now;

	must(mtx_trylock(&board->mtx) == thrd_busy);
	clock_gettime(CLOCK_REALTIME, &now);
	must(mtx_timedlock(&board->mtx, &now) == thrd_timedout);
	return CHILD_GOOD;
}

static int play_c11_tries(void)
{
	must(mtx_trylock(&board->mtx) == thrd_success);
	must(unit_wait(start_child(try_mtx)) == CHILD_GOOD);
	must(mtx_unlock(&board->mtx) == thrd_success);
	return CHILD_GOOD;
}

static const struct claim {
	const char *name;
	int (*play)(void);
} claims[] = {
	{ "a mutex keeps count among processes", play_mutex },
	{ "who sleeps for a mutex is woken by another process", play_woken },
	{ "to try for a mutex, for a time or not at all", play_tries },
	{ "a condition variable wakes another process", play_turns },
	{ "... and all of them", play_broadcast },
	{ "a lock for readers and writers keeps count", play_rwlock },
	{ "a writer is woken by a reader", play_writer_woken },
	{ "a reader is woken by a writer", play_reader_woken },
	{ "a barrier holds processes up", play_barrier },
	{ "semaphores call and answer", play_semaphore },
	{ "mtx_t and cnd_t wake another process", play_c11 },
	{ "to try for an mtx_t", play_c11_tries },
};

static const struct way {
	const char *name;
	void (*take)(void);
} ways[] = {
	{ "statically initialised", take_initialised },
	{ "zeroed", take_zeroed },
	{ "initialised at run time", take_made },
	{ "in the heap, initialised", take_allocated },
	{ "in the heap, zeroed", take_cleared },
	{ "of special attributes", take_special },
};

static const struct way *way;
static const struct claim *claim;

static int play(void)
{
	way->take();
	return claim->play();
}

int main(void)
{
	char name[256];

	for (way = ways; way < ways + sizeof(ways) / sizeof(*ways); way++) {
		for (claim = claims; claim < claims + sizeof(claims) / sizeof(*claims);
			claim++) {
			/* each begins with what the file has: a copy would be no lock */
			struct board kept[3] = { initialised, zeroed, made };

			snprintf(name, sizeof(name), "%s: %s", way->name, claim->name);
			test_play(name, play);
			initialised = kept[0];
			zeroed = kept[1];
			made = kept[2];
		}
	}
	return tap_done();
}
