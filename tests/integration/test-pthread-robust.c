/* SPDX-License-Identifier: MIT */
/*
 * Description: with FONDUE_ROBUST=1 a mutex outlives who holds it, and the death is told
 *
 * The program says nothing of robust mutexes, and is not told of them: it gets the lock. If
 * it does ask for one itself, all is as libc does it. Without the variable too: a dead
 * owner's mutex is held for ever.
 */
#include <errno.h>
#include <threads.h>

#include <fondue/heap.h>
#include <fondue/shared.h>

#include "heard.h"
#include "pthreading.h"

FONDUE_SHARED static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
FONDUE_SHARED static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
FONDUE_SHARED_ZERO static mtx_t mtx;
FONDUE_SHARED static atomic_int about_to, turn;

static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
static const pthread_cond_t fresh_cond = PTHREAD_COND_INITIALIZER;

static pthread_mutex_t *mutex = &table_lock;

static int hold(void)
{
	must(pthread_mutex_lock(mutex) == 0);
	atomic_store(&about_to, 1);
	for (;;)
		pause();
}

/* A child that has the mutex. */
static pid_t start_owner(int (*work)(void))
{
	pid_t pid = start_child(work);

	alarm(PATIENCE);
	while (!atomic_load(&about_to))
		sched_yield();
	atomic_store(&about_to, 0);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	unit_wait(pid);
}

static pid_t die_with(int (*work)(void))
{
	pid_t pid = start_owner(work);

	end(pid);
	return pid;
}

static bool is_told(const char *variable, pid_t owner)
{
	char line[512];

	snprintf(line, sizeof(line),
		"]: mutex %s (%s): its owner, pid %d, died holding it; this process has it now and goes "
		"on, and what it protects may be half written",
		variable, program_invocation_short_name, (int)owner);
	return heard_count("\n") == 1 && heard_count(line) == 1;
}

/* glibc alone keeps who it was when the kernel has taken note of the death. */
static bool is_told_without(const char *variable)
{
	char line[512];

	snprintf(line, sizeof(line), "]: mutex %s (%s): its owner died holding it; this",
		variable, program_invocation_short_name);
	return heard_count("\n") == 1 && heard_count(line) == 1;
}

static bool is_death_told(const char *variable, pid_t owner)
{
	return is_told(variable, owner) || is_told_without(variable);
}

static int use(void)
{
	must(pthread_mutex_lock(mutex) == 0);
	must(pthread_mutex_trylock(mutex) != 0);
	return pthread_mutex_unlock(mutex) == 0 ? CHILD_GOOD : 1;
}

/* It is a mutex like any other again, for anybody. */
static bool is_sound(void)
{
	return use() == CHILD_GOOD && unit_wait(start_child(use)) == CHILD_GOOD;
}

static int play_heir(void)
{
	pid_t owner = die_with(hold);

	must(pthread_mutex_lock(mutex) == 0);
	must(is_death_told("table_lock", owner));
#ifdef __GLIBC__
	must(is_told("table_lock", owner));
#endif
	must(pthread_mutex_unlock(mutex) == 0);
	must(is_sound() && heard_count("\n") == 1);
	return CHILD_GOOD;
}

static int play_try(void)
{
	pid_t owner = die_with(hold);

	must(pthread_mutex_trylock(mutex) == 0 && is_death_told("table_lock", owner));
	must(pthread_mutex_unlock(mutex) == 0 && is_sound());
	return CHILD_GOOD;
}

static int wait_for_it(void)
{
	atomic_store(&about_to, 1);
	must(pthread_mutex_lock(mutex) == 0);
	return pthread_mutex_unlock(mutex) == 0 ? CHILD_GOOD : 1;
}

/* It dies while somebody sleeps, who has seen it alive. */
static int play_sleeper(void)
{
	pid_t owner = start_owner(hold), heir = start_child(wait_for_it);

	must(falls_asleep(heir, &about_to));
	end(owner);
	must(unit_wait(heir) == CHILD_GOOD && is_told("table_lock", owner));
	must(is_sound());
	return CHILD_GOOD;
}

static int leave(void)
{
	must(pthread_mutex_lock(mutex) == 0);
	return CHILD_GOOD;
}

static int play_exit(void)
{
	pid_t owner = start_child(leave);

	must(unit_wait(owner) == CHILD_GOOD);
	must(pthread_mutex_lock(mutex) == 0 && is_death_told("table_lock", owner));
	must(pthread_mutex_unlock(mutex) == 0);
	return CHILD_GOOD;
}

static int signal_and_hold(void)
{
	must(pthread_mutex_lock(mutex) == 0);
	turn = 1;
	must(pthread_cond_signal(&cond) == 0);
	atomic_store(&about_to, 1);
	for (;;)
		pause();
}

static int wait_for_turn(void)
{
	must(pthread_mutex_lock(mutex) == 0);
	while (!turn) {
		atomic_store(&about_to, 1);
		must(pthread_cond_wait(&cond, mutex) == 0);
	}
	return pthread_mutex_unlock(mutex) == 0 ? CHILD_GOOD : 1;
}

/* Who waits for a condition gets the mutex back from the dead. */
static int play_condition(void)
{
	pid_t heir = start_child(wait_for_turn);

	must(falls_asleep(heir, &about_to));
	atomic_store(&about_to, 0);
	die_with(signal_and_hold);
	must(unit_wait(heir) == CHILD_GOOD && is_told_without("table_lock"));
	must(is_sound());
	return CHILD_GOOD;
}

static int hold_mtx(void)
{
	must(mtx_lock(&mtx) == thrd_success);
	atomic_store(&about_to, 1);
	for (;;)
		pause();
}

static int play_c11(void)
{
	pid_t owner = die_with(hold_mtx);

	must(mtx_lock(&mtx) == thrd_success && is_death_told("mtx", owner));
	must(mtx_trylock(&mtx) == thrd_busy && mtx_unlock(&mtx) == thrd_success);
	return CHILD_GOOD;
}

static void make(pthread_mutex_t *at, int type, int robust, int protocol)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutexattr_setrobust(&attributes, robust);
	pthread_mutexattr_setprotocol(&attributes, protocol);
	pthread_mutex_init(at, &attributes);
}

static int play_heap(void)
{
	mutex = fondue_malloc(sizeof(*mutex));
	make(mutex, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
	die_with(hold);
	must(pthread_mutex_lock(mutex) == 0 && heard_count("died holding it") == 1);
	must(pthread_mutex_lock(mutex) == EDEADLK && pthread_mutex_unlock(mutex) == 0);
	return CHILD_GOOD;
}

/* It knows what to do, and is told by libc as ever: of a mutex that it has made so. */
static int play_asked(void)
{
	make(mutex, PTHREAD_MUTEX_DEFAULT, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE);
	die_with(hold);
	must(pthread_mutex_lock(mutex) == EOWNERDEAD);
	must(pthread_mutex_consistent(mutex) == 0 && pthread_mutex_unlock(mutex) == 0);
	must(is_sound());
	die_with(hold);
	must(pthread_mutex_lock(mutex) == EOWNERDEAD && pthread_mutex_unlock(mutex) == 0);
	must(pthread_mutex_lock(mutex) == ENOTRECOVERABLE && !*heard());
	return CHILD_GOOD;
}

/* Another, in the same place. */
static int play_asked_no_more(void)
{
	make(mutex, PTHREAD_MUTEX_DEFAULT, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE);
	make(mutex, PTHREAD_MUTEX_DEFAULT, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
	die_with(hold);
	must(pthread_mutex_lock(mutex) == 0 && heard_count("\n") == 1);
	must(pthread_mutex_unlock(mutex) == 0);
	make(mutex, PTHREAD_MUTEX_DEFAULT, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE);
	*mutex = fresh;
	die_with(hold);
	must(pthread_mutex_lock(mutex) == 0 && heard_count("\n") == 2);
	return CHILD_GOOD;
}

/*
 * libc has none that are robust and have a ceiling; it needs a privilege to be locked,
 * perhaps.
 */
static int play_ceiling(void)
{
	pthread_mutex_t private_one = fresh;
	int expected;

	make(&private_one, PTHREAD_MUTEX_DEFAULT, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_PROTECT);
	make(mutex, PTHREAD_MUTEX_DEFAULT, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_PROTECT);
	/* the first of all finds glibc unprepared: EINVAL */
	for (unsigned i = 0; i < 2; i++) {
		expected = pthread_mutex_trylock(&private_one);
		if (expected == 0)
			pthread_mutex_unlock(&private_one);
	}
	must(pthread_mutex_trylock(mutex) == expected && !*heard());
	return CHILD_GOOD;
}

static int play_private(void)
{
	static pthread_mutex_t private_one = PTHREAD_MUTEX_INITIALIZER;

	must(pthread_mutex_lock(&private_one) == 0 && pthread_mutex_unlock(&private_one) == 0);
	must(!memcmp(&private_one, &fresh, sizeof(fresh)));
	return CHILD_GOOD;
}

/* Two numbers that are one, unless somebody has been killed in between: then the heir sees to it. */
FONDUE_SHARED static volatile unsigned long first, second, halves;

static int count_for_ever(void)
{
	for (;;) {
		must(pthread_mutex_lock(mutex) == 0);
		halves += first != second;
		first = second;
		first++;
		/* long enough for a kill to arrive, which comes at once only at a system call */
		for (volatile unsigned i = 0; i < 50000; i++)
			;
		second++;
		must(pthread_mutex_unlock(mutex) == 0);
	}
}

static bool goes_on(void)
{
	unsigned long before = second;
	time_t end = time(NULL) + PATIENCE;

	while (second == before && time(NULL) <= end)
		sched_yield();
	return second != before;
}

/* At any place, in libc and in the doors, too. */
static int play_killed(void)
{
	pid_t children[CHILDREN];
	unsigned deaths;

	alarm(3 * PATIENCE);
	for (unsigned i = 0; i < CHILDREN; i++)
		children[i] = start_child(count_for_ever);
	for (unsigned i = 0; i < 300; i++) {
		pid_t *child = &children[rand() % CHILDREN];

		must(goes_on());
		/* else all are killed just after they have counted */
		for (volatile int wait = rand() % 100000; wait > 0; wait--)
			;
		end(*child);
		*child = start_child(count_for_ever);
	}
	must(goes_on());
	for (unsigned i = 0; i < CHILDREN; i++)
		end(children[i]);
	must(pthread_mutex_lock(mutex) == 0 && first - second <= 1);
	must(pthread_mutex_unlock(mutex) == 0);
	deaths = heard_count("died holding it");
	must(halves > 0 && deaths >= halves && deaths == heard_count("\n"));
	return CHILD_GOOD;
}

static int play_off(void)
{
	die_with(hold);
	must(pthread_mutex_trylock(mutex) == EBUSY && !*heard());
	return CHILD_GOOD;
}

static void claim(const char *name, int (*play)(void))
{
	table_lock = fresh;
	cond = fresh_cond;
	memset(&mtx, 0, sizeof(mtx));
	atomic_store(&about_to, 0);
	atomic_store(&turn, 0);
	hear_anew();
	if (!test_play(name, play))
		heard_explain();
}

int main(void)
{
	hear();
	if (!getenv("FONDUE_ROBUST")) {
		claim("it is off unless it is asked for", play_off);
		claim("who asks for a robust mutex gets one", play_asked);
		return tap_done();
	}
	claim("an heir goes on, and the death is told with names", play_heir);
	claim("... one that only tries", play_try);
	claim("... one that slept when the owner died", play_sleeper);
	claim("... of one that has ended by itself", play_exit);
	claim("... one that waits for a condition", play_condition);
	claim("an mtx_t is inherited", play_c11);
	claim("one in the heap, and of another type", play_heap);
	claim("who asks for a robust mutex himself is told EOWNERDEAD", play_asked);
	claim("... until there is another one in the same place", play_asked_no_more);
	claim("a mutex with a ceiling is not made robust", play_ceiling);
	claim("a private one is left alone", play_private);
	claim("owners are killed anywhere, again and again, and the others go on", play_killed);
	return tap_done();
}
