/* SPDX-License-Identifier: MIT */
/*
 * locking.h - what the tests of the lock share: a board in memory of the family, and waiting
 *
 * Nothing here sleeps to synchronise: what another process or thread has done is seen on
 * the board, and that it sleeps in /proc. Every wait ends, with false.
 */
#pragma once

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include <fondue/spinlock.h>

#include "../unit/unit.h"

#define MS 1000000LL
/* No sleep in the lock is longer, and so much more may a busy machine need. */
#define BACKSTOP (50 * MS)
#define SLACK	 (1000 * MS)

struct board {
	fondue_spinlock_t lock, second, many[16];
	volatile long counter; /* nothing but the lock protects it */
	atomic_int ready, go, left;
	atomic_int got[16]; /* how often a lock call returned this kind of result */
	atomic_long tid;
};

enum { GOT_ZERO, GOT_DEAD, GOT_LATE, GOT_BUSY, GOT_OTHER };

/* The board that scenarios play on: one of two. */
static struct board *board;

static inline long long now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1000 * MS + at.tv_nsec;
}

static inline struct timespec time_at(long long ns)
{
	return (struct timespec){ .tv_sec = ns / (1000 * MS), .tv_nsec = ns % (1000 * MS) };
}

/* Wait until it holds, 10 s at most. */
#define eventually(...)                                                                  \
	__extension__({                                                                  \
		long long end_ = now() + 10000 * MS;                                     \
		bool good_;                                                              \
		while (!(good_ = (__VA_ARGS__)) && now() < end_)                         \
			sched_yield();                                                   \
		good_;                                                                   \
	})

static inline int count_result(int result)
{
	atomic_fetch_add(&board->got[result == 0	       ? GOT_ZERO
				     : result == EOWNERDEAD ? GOT_DEAD
				     : result == ETIMEDOUT  ? GOT_LATE
				     : result == EBUSY	    ? GOT_BUSY
							    : GOT_OTHER],
		1);
	return result;
}

/* The state letter of a thread in /proc, 0 if it is no more. */
static inline char state_of(long tid)
{
	char path[64], text[512] = "", *end;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%ld/stat", tid);
	stat = fopen(path, "r");
	if (!stat)
		return 0;
	if (!fgets(text, sizeof(text), stat))
		*text = '\0';
	fclose(stat);
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : 0;
}

/* Does it sleep in the lock? It has said that it goes there and has nowhere else to sleep. */
static inline bool is_parked(long tid)
{
	return state_of(tid) == 'S';
}

static inline long my_tid(void)
{
	return syscall(SYS_gettid);
}

/* A child that plays @work and ends with its result, or with us. */
static inline pid_t start(int (*work)(void))
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	_exit(work());
}

static inline bool is_killed(pid_t pid)
{
	return kill(pid, SIGKILL) == 0 && unit_wait(pid) == 1000 + SIGKILL;
}

static inline int stop_and_see(pid_t pid)
{
	int status = 0;

	return kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid &&
	       WIFSTOPPED(status);
}

/* Owners: children that take the lock, say so, and keep it until they are ended. */
static inline int work_hold(void)
{
	if (count_result(fondue_spin_lock(&board->lock)) == EDEADLK)
		return 1;
	atomic_fetch_add(&board->ready, 1);
	for (;;)
		pause();
}

/* Waiters: say that they come, take it once, and count how it went. */
static inline int work_take(void)
{
	int result;

	atomic_fetch_add(&board->ready, 1);
	result = count_result(fondue_spin_lock(&board->lock));
	if (result && result != EOWNERDEAD)
		return 1;
	board->counter++;
	atomic_fetch_add(&board->left, 1);
	return fondue_spin_unlock(&board->lock) == 0 ? CHILD_GOOD : 1;
}

/* A child playing @work, past the place where it counts itself ready. */
static inline pid_t start_ready(int (*work)(void))
{
	int before = atomic_load(&board->ready);
	pid_t pid = start(work);

	return eventually(atomic_load(&board->ready) > before) ? pid : -1;
}

/* A child that sleeps in the lock, which somebody holds. */
static inline pid_t start_parked(int (*work)(void))
{
	pid_t pid = start_ready(work);

	return pid > 0 && eventually(is_parked(pid)) ? pid : -1;
}

/* Free, and as good as new: taken and released by us with plain zeros. */
static inline bool is_sound(fondue_spinlock_t *lock)
{
	return fondue_spin_lock(lock) == 0 && fondue_spin_unlock(lock) == 0 &&
	       fondue_spin_trylock(lock) == 0 && fondue_spin_unlock(lock) == 0;
}

/* Play @play in a child on a board that is zero. */
static inline bool plays_on(struct board *where, int (*play)(void))
{
	memset((void *)where, 0, sizeof(*where));
	board = where;
	return unit_plays(play);
}

static inline struct board *map_board(void)
{
	void *at = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		tap_bail_out("no memory");
	return at;
}
