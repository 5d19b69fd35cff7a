/* SPDX-License-Identifier: MIT */
/*
 * Description: a lock that is held for too long says by whom, once for all who wait
 *
 * Played with FONDUE_HOLD_MS=50, or =0. Standard error is a file opened for appending, so
 * that what any process says is there to be read, by whole lines.
 */
#include <dirent.h>
#include <fcntl.h>

#include "locking.h"

#define LIMIT_MS 50
#define WAITERS	 20

FONDUE_SHARED static struct board annotated;

static char text[65536];

static const char *said(void)
{
	ssize_t len = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

static bool is_said(const char *what)
{
	return strstr(said(), what) != NULL;
}

static void forget(void)
{
	if (ftruncate(STDERR_FILENO, 0) != 0)
		tap_bail_out("no way to empty standard error");
}

/* The @n-th report from 0: how long the lock had been held, ms; 0: there is none. */
static long report(unsigned n)
{
	const char *at = said();
	double held;
	char unit[8];

	for (unsigned i = 0; i <= n; i++) {
		at = strstr(at, " held ");
		if (!at)
			return 0;
		at++;
	}
	if (sscanf(at, "held %lf %7s", &held, unit) != 2)
		return 0;
	return strcmp(unit, "ms") == 0 ? (long)held : (long)(held * 1000);
}

static bool names(pid_t pid)
{
	char word[32];

	snprintf(word, sizeof(word), "by pid %d", pid);
	return is_said(word);
}

/* Not the first lock that it takes: by the fast path. */
static int work_hold_quickly(void)
{
	must(fondue_spin_lock(&board->second) == 0 && fondue_spin_unlock(&board->second) == 0);
	return work_hold();
}

static int play_quick_owner(void)
{
	pid_t owner = start_ready(work_hold_quickly), waiter;

	must(owner > 0);
	waiter = start_parked(work_take);
	must(waiter > 0 && eventually(report(2)) && names(owner));
	must(is_killed(owner) && unit_wait(waiter) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* Two locks of one owner are two incidents, each told once. */
static int work_hold_two(void)
{
	must(fondue_spin_lock(&board->second) == 0);
	return work_hold();
}

static int work_take_second(void)
{
	int result;

	atomic_fetch_add(&board->ready, 1);
	result = fondue_spin_lock(&board->second);
	return (result == 0 || result == EOWNERDEAD) &&
			       fondue_spin_unlock(&board->second) == 0 ?
		       CHILD_GOOD :
		       1;
}

static unsigned count_said(const char *what);

static int play_two_locks(void)
{
	pid_t owner = start_ready(work_hold_two), waiters[8];
	unsigned reports;

	must(owner > 0);
	for (unsigned i = 0; i < 8; i++)
		waiters[i] = start_parked(i % 2 ? work_take : work_take_second);
	/* at 50, 100 and 200 ms for each of the two: not four times as many */
	must(eventually(report(5)));
	reports = count_said(" held ");
	must(reports <= 8);
	must(is_killed(owner));
	for (unsigned i = 0; i < 8; i++)
		must(unit_wait(waiters[i]) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int play_once_for_all(void)
{
	pid_t owner = start_ready(work_hold), waiters[WAITERS];

	must(owner > 0);
	for (unsigned i = 0; i < WAITERS; i++)
		waiters[i] = start_parked(work_take);
	must(eventually(report(2) && is_said("20 wait") && is_said("15 more")));
	/* the next comes after twice as long: as often as that, and no waiter told it again */
	for (unsigned i = 0; report(i); i++)
		must(report(i) >= LIMIT_MS << i);
	must(names(owner));
	must(is_said("sleeping"));
	must(is_killed(owner));
	for (unsigned i = 0; i < WAITERS; i++)
		must(unit_wait(waiters[i]) == CHILD_GOOD);
	must(is_said("died holding it") && !is_said("released after"));
	return CHILD_GOOD;
}

static int play_stopped(void)
{
	pid_t owner = start_ready(work_hold), waiter;

	must(owner > 0 && stop_and_see(owner));
	waiter = start_parked(work_take);
	must(waiter > 0 && eventually(is_said("stopped")));
	must(names(owner));
	must(is_killed(owner) && unit_wait(waiter) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int work_hold_by_odd_name(void)
{
	prctl(PR_SET_NAME, "a\033[1m\nb");
	return work_hold();
}

static int play_odd_name(void)
{
	pid_t owner = start_ready(work_hold_by_odd_name), waiter;

	must(owner > 0);
	waiter = start_parked(work_take);
	must(waiter > 0 && eventually(is_said("\"a?[1m?b\"")));
	must(is_killed(owner) && unit_wait(waiter) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* Until it is told to go; spinning, so that it runs. */
static int work_hold_a_while(void)
{
	must(fondue_spin_lock(&board->lock) == 0);
	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->go))
		;
	return fondue_spin_unlock(&board->lock) == 0 ? CHILD_GOOD : 1;
}

static int play_released(void)
{
	pid_t owner = start_ready(work_hold_a_while), waiter;

	must(owner > 0);
	waiter = start_parked(work_take);
	must(waiter > 0 && eventually(is_said("running")));
	must(names(owner) && !is_said(": released after"));
	atomic_store(&board->go, 1);
	must(unit_wait(owner) == CHILD_GOOD && unit_wait(waiter) == CHILD_GOOD);
	must(is_said("released after"));
	return CHILD_GOOD;
}

/* A thread that is not its process's first has a number of its own. */
static void *hold_in_thread(void *arg)
{
	(void)arg;
	atomic_store(&board->tid, my_tid());
	(void)work_hold();
	return NULL;
}

static int work_hold_in_thread(void)
{
	pthread_t thread;

	must(pthread_create(&thread, NULL, hold_in_thread, NULL) == 0);
	for (;;)
		pause();
}

static int play_thread(void)
{
	pid_t owner = start_ready(work_hold_in_thread), waiter;
	char word[64];

	must(owner > 0);
	waiter = start_parked(work_take);
	snprintf(word, sizeof(word), "by pid %d tid %ld \"", owner,
		(long)atomic_load(&board->tid));
	must(waiter > 0 && eventually(is_said(word)));
	must(is_killed(owner) && unit_wait(waiter) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* Held all the time, but never for long: nobody has anything to tell. */
static int work_compete(void)
{
	long long end = now() + 6 * LIMIT_MS * MS;

	while (now() < end) {
		long long until = now() + MS / 50;

		must(fondue_spin_lock(&board->lock) == 0);
		while (now() < until)
			;
		must(fondue_spin_unlock(&board->lock) == 0);
	}
	return CHILD_GOOD;
}

/* As small a stack as glibc allows: what the waiter says must not need more. */
#define SMALL_STACK 16384

static void *wait_in_thread(void *arg)
{
	(void)arg;
	return (void *)(long)work_take();
}

static int work_wait_with_little(void)
{
	pthread_attr_t small;
	pthread_t thread;
	void *result;

	must(pthread_attr_init(&small) == 0);
	must(pthread_attr_setstacksize(&small, SMALL_STACK) == 0);
	must(pthread_create(&thread, &small, wait_in_thread, NULL) == 0);
	must(pthread_join(thread, &result) == 0);
	return (int)(long)result;
}

static int play_small_stack(void)
{
	pid_t owner = start_ready(work_hold), waiter;

	must(owner > 0);
	waiter = start_ready(work_wait_with_little);
	must(waiter > 0 && eventually(report(1)));
	must(is_killed(owner) && unit_wait(waiter) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int play_busy(void)
{
	pid_t pids[4];

	for (unsigned i = 0; i < 4; i++)
		pids[i] = start(work_compete);
	for (unsigned i = 0; i < 4; i++)
		must(unit_wait(pids[i]) == CHILD_GOOD);
	must(!report(0));
	return CHILD_GOOD;
}

static unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

static int play_unchanged(void)
{
	struct timespec deadline;
	pid_t owner = start_ready(work_hold);
	unsigned before = count_descriptors();

	must(owner > 0);
	deadline = time_at(now() + 3 * LIMIT_MS * MS);
	errno = 4711;
	must(fondue_spin_timedlock(&board->lock, &deadline) == ETIMEDOUT);
	must(errno == 4711 && count_descriptors() == before);
	must(names(owner));
	must(is_killed(owner));
	return CHILD_GOOD;
}

/* Hold many[i], then want many[j] when all hold theirs. */
static int hold_and_want(unsigned i, unsigned j)
{
	int result;

	must(fondue_spin_lock(&board->many[i]) == 0);
	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->go))
		sched_yield();
	result = fondue_spin_lock(&board->many[j]);
	must(result == 0 || result == EOWNERDEAD);
	must(fondue_spin_unlock(&board->many[j]) == 0);
	must(fondue_spin_unlock(&board->many[i]) == 0);
	return CHILD_GOOD;
}

static int work_first(void)
{
	return hold_and_want(0, 1);
}

static int work_second(void)
{
	return hold_and_want(1, 2);
}

static int work_third(void)
{
	return hold_and_want(2, 0);
}

static unsigned count_said(const char *what)
{
	unsigned count = 0;

	for (const char *at = said(); (at = strstr(at, what)); at++)
		count++;
	return count;
}

static int play_deadlock(void)
{
	int (*const works[])(void) = { work_first, work_second, work_third };
	pid_t pids[3];
	char word[64];

	for (unsigned i = 0; i < 3; i++)
		must((pids[i] = start_ready(works[i])) > 0);
	atomic_store(&board->go, 1);
	must(eventually(is_said("DEADLOCK of 3 threads")));
	for (unsigned i = 0; i < 3; i++) {
		snprintf(word, sizeof(word), "  pid %d ", pids[i]);
		must(is_said(word));
	}
	/* again after twice as long, and by nobody else */
	must(eventually(count_said("DEADLOCK") == 2));
	must(is_killed(pids[0]));
	must(unit_wait(pids[2]) == CHILD_GOOD && unit_wait(pids[1]) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* A waits for B, who waits for C, who is busy elsewhere: no circle. */
static int play_chain(void)
{
	pid_t busy, pids[2];

	busy = start_ready(work_hold_a_while);
	must(busy > 0);
	pids[0] = start_ready(work_first);
	must(pids[0] > 0);
	pids[1] = start_parked(work_take); /* the busy one's */
	atomic_store(&board->go, 1);
	must(unit_wait(busy) == CHILD_GOOD);
	must(unit_wait(pids[0]) == CHILD_GOOD && unit_wait(pids[1]) == CHILD_GOOD);
	must(!is_said("DEADLOCK"));
	return CHILD_GOOD;
}

/* The first holds 0 and waits for 1; stopped, it does not know yet that 1 was released. */
static int work_let_go(void)
{
	must(fondue_spin_lock(&board->many[1]) == 0);
	atomic_fetch_add(&board->ready, 1);
	while (atomic_load(&board->go) < 2)
		sched_yield();
	must(fondue_spin_unlock(&board->many[1]) == 0);
	atomic_fetch_add(&board->left, 1);
	must(fondue_spin_lock(&board->many[0]) == 0);
	return fondue_spin_unlock(&board->many[0]) == 0 ? CHILD_GOOD : 1;
}

static int play_no_longer(void)
{
	pid_t second = start_ready(work_let_go), first = start_ready(work_first);

	must(second > 0 && first > 0);
	atomic_store(&board->go, 1);
	must(eventually(is_said(" held "))); /* the first has waited long enough */
	must(stop_and_see(first));
	atomic_store(&board->go, 2);
	must(eventually(atomic_load(&board->left)));
	forget();
	must(eventually(report(1))); /* the second has, twice */
	must(!is_said("DEADLOCK") && is_said("stopped"));
	must(kill(first, SIGCONT) == 0);
	must(unit_wait(first) == CHILD_GOOD && unit_wait(second) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int play_dead(void)
{
	pid_t owner = start_ready(work_hold);
	char word[64];

	must(owner > 0 && is_killed(owner));
	must(unit_wait(start(work_take)) == CHILD_GOOD);
	snprintf(word, sizeof(word), "its owner, pid %d, died holding it", owner);
	must(is_said(word) && count_said("died") == 1);
	forget();
	must(unit_wait(start(work_take)) == CHILD_GOOD);
	must(!is_said("died"));
	return CHILD_GOOD;
}

/* Nothing is said, however long. */
static int play_off(void)
{
	struct timespec deadline = time_at(now() + 6 * LIMIT_MS * MS);
	pid_t owner = start_ready(work_hold);

	must(owner > 0);
	must(fondue_spin_timedlock(&board->lock, &deadline) == ETIMEDOUT);
	must(is_killed(owner));
	must(unit_wait(start(work_take)) == CHILD_GOOD);
	must(*said() == '\0');
	return CHILD_GOOD;
}

static void test_hold(const char *claim, int (*play)(void))
{
	bool good;

	forget();
	good = plays_on(&annotated, play);
	if (!good)
		tap_note("said: %s", said());
	test(claim, good);
}

int main(void)
{
	const char *limit = getenv("FONDUE_HOLD_MS");
	int file = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);

	if (!fondue_active())
		tap_skip_all("to be preloaded");
	if (file < 0 || dup2(file, STDERR_FILENO) < 0)
		tap_bail_out("no file for standard error");
	close(file);
	if (limit && !strcmp(limit, "0")) {
		test_hold("FONDUE_HOLD_MS=0: nothing is said", play_off);
		return tap_done();
	}
	test_hold("twenty wait: one reports, and again when twice as long has passed",
		play_once_for_all);
	test_hold("so is one that took it by the fast path", play_quick_owner);
	test_hold("two locks of one owner are told of once each", play_two_locks);
	test_hold("an owner that is stopped is called so", play_stopped);
	test_hold("no terminal obeys an owner's name", play_odd_name);
	test_hold("the end of it is told as well", play_released);
	test_hold("an owner may be a thread", play_thread);
	test_hold("so is an owner's death, by whoever takes its lock over", play_dead);
	test_hold("a thread with a small stack can say it", play_small_stack);
	test_hold("a busy lock is not a held one", play_busy);
	test_hold("who waits in a circle is told so, all of them by one", play_deadlock);
	test_hold("a chain is no circle", play_chain);
	test_hold("nor is a circle that somebody stopped does not know to be broken",
		play_no_longer);
	test_hold("the waiter gets back errno and its descriptors as they were", play_unchanged);
	return tap_done();
}
