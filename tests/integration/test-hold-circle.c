/* SPDX-License-Identifier: MIT */
/*
 * Description: who waits in a circle is told so, and nobody else
 *
 * FONDUE_HOLD_MS=20. Circles of processes and of threads; and a long random run in which there
 * is no circle that lasts, but much that looks like one.
 */
#include "held.h"

FONDUE_SHARED static struct board annotated;

#define MEMBERS_MAX 48
FONDUE_SHARED static fondue_spinlock_t ring[MEMBERS_MAX];
FONDUE_SHARED static atomic_long tids[MEMBERS_MAX];
FONDUE_SHARED static atomic_int members, holding;

/* Hold one's own, and when all do, want the next one's. */
static int be_member(unsigned i)
{
	unsigned count = atomic_load(&members);
	int result;

	must(fondue_spin_lock(&ring[i]) == 0);
	atomic_store(&tids[i], my_tid());
	atomic_fetch_add(&holding, 1);
	while (atomic_load(&holding) < (int)count)
		sched_yield();
	result = fondue_spin_lock(&ring[(i + 1) % count]);
	must(result == 0 || result == EOWNERDEAD);
	must(fondue_spin_unlock(&ring[(i + 1) % count]) == 0);
	must(fondue_spin_unlock(&ring[i]) == 0);
	return CHILD_GOOD;
}

static void *member_thread(void *number)
{
	return (void *)(long)be_member((unsigned)(long)number);
}

static unsigned first_of_process, threads_each;

static int work_members(void)
{
	pthread_t threads[MEMBERS_MAX];
	void *result;
	int good = CHILD_GOOD;

	for (unsigned i = 1; i < threads_each; i++)
		must(pthread_create(&threads[i], NULL, member_thread,
			     (void *)(long)(first_of_process + i)) == 0);
	must(be_member(first_of_process) == CHILD_GOOD);
	for (unsigned i = 1; i < threads_each; i++) {
		must(pthread_join(threads[i], &result) == 0);
		good = result == (void *)CHILD_GOOD ? good : 1;
	}
	return good;
}

/* The first report of a circle, as far as it is said. */
static const char *deadlock(void)
{
	return strstr(said(), "DEADLOCK");
}

static bool is_told_of(unsigned count)
{
	char word[64];
	const char *at = deadlock();

	snprintf(word, sizeof(word), "DEADLOCK of %u threads", count);
	return at && !strncmp(at, word, strlen(word)) && strchr(at, '\n');
}

/* @processes processes of @each threads, mixed in the ring. Return: their number in pids. */
static bool make_ring(pid_t *pids, unsigned processes, unsigned each)
{
	memset(ring, 0, sizeof(ring));
	memset((void *)tids, 0, sizeof(tids));
	atomic_store(&holding, 0);
	atomic_store(&members, processes * each);
	threads_each = each;
	for (unsigned i = 0; i < processes; i++) {
		first_of_process = i * each;
		pids[i] = start(work_members);
		if (pids[i] < 0)
			return false;
	}
	return eventually(atomic_load(&holding) == (int)(processes * each));
}

static bool is_member_named(pid_t pid, long tid)
{
	char word[64];

	if (pid == tid)
		snprintf(word, sizeof(word), "  pid %d \"", pid);
	else
		snprintf(word, sizeof(word), "  pid %d tid %ld \"", pid, tid);
	return is_said(word);
}

static int play_ring(unsigned processes, unsigned each)
{
	pid_t pids[MEMBERS_MAX];

	must(make_ring(pids, processes, each));
	must(eventually(is_told_of(processes * each)));
	for (unsigned i = 0; processes * each < 10 && i < processes * each; i++)
		/* a file shows what is written page by page */
		must(eventually(is_member_named(pids[i / each], atomic_load(&tids[i]))));
	/* again after twice as long, by one of them */
	must(eventually(count_said("DEADLOCK") >= 2));
	must(is_killed(pids[0]));
	for (unsigned i = 1; i < processes; i++)
		must(unit_wait(pids[i]) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int play_two(void)
{
	return play_ring(2, 1);
}

static int play_mixed(void)
{
	return play_ring(3, 2);
}

static int play_many(void)
{
	return play_ring(16, 3);
}

static int play_stopped_member(void)
{
	pid_t pids[3];

	must(make_ring(pids, 3, 1));
	/* it has looked after the others had begun to wait: else nothing could be proved */
	must(eventually(is_told_of(3)));
	must(stop_and_see(pids[1]));
	forget();
	must(eventually(is_told_of(3) && is_said(", stopped")));
	must(kill(pids[1], SIGCONT) == 0 && is_killed(pids[0]));
	must(unit_wait(pids[1]) == CHILD_GOOD && unit_wait(pids[2]) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* The circle is complete with the one that waits without a deadline. */
static int work_give_up(void)
{
	struct timespec deadline;

	must(fondue_spin_lock(&board->many[0]) == 0);
	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->go))
		sched_yield();
	deadline = time_at(now() + 10 * LIMIT_MS * MS);
	must(fondue_spin_timedlock(&board->many[1], &deadline) == ETIMEDOUT);
	return fondue_spin_unlock(&board->many[0]) == 0 ? CHILD_GOOD : 1;
}

static int work_go_on(void)
{
	must(fondue_spin_lock(&board->many[1]) == 0);
	atomic_fetch_add(&board->ready, 1);
	while (atomic_load(&board->go) < 2)
		sched_yield();
	must(fondue_spin_lock(&board->many[0]) == 0);
	must(fondue_spin_unlock(&board->many[0]) == 0);
	return fondue_spin_unlock(&board->many[1]) == 0 ? CHILD_GOOD : 1;
}

/* Nothing has been held since before there was anybody. */
static bool are_ends_plausible(long long since)
{
	long longest = (now() - since) / MS + 1;

	for (const char *at = said(); (at = strstr(at, " after ")); at++) {
		long ms = held_ms(at + strlen(" after "));

		if (ms < 0 || ms > longest) {
			tap_note("%.60s", at);
			return false;
		}
	}
	return true;
}

static int play_broken(void)
{
	long long since = now();
	pid_t gives_up = start_ready(work_give_up), goes_on = start_ready(work_go_on);

	must(gives_up > 0 && goes_on > 0);
	atomic_store(&board->go, 1);
	must(eventually(is_parked(gives_up)));
	atomic_store(&board->go, 2);
	must(eventually(is_told_of(2)));
	must(unit_wait(gives_up) == CHILD_GOOD && unit_wait(goes_on) == CHILD_GOOD);
	must(are_ends_plausible(since));
	return CHILD_GOOD;
}

/* In one order only, so that there is never a circle; with deadlines, so that many give up. */
static int work_in_order(void)
{
	uint64_t random = my_tid();
	long long end = now() + atomic_load(&board->go) * MS;

	while (now() < end) {
		unsigned first = next_random(&random) % 6, second = first + 1 + next_random(&random) % 2;
		struct timespec soon = time_at(now() + next_random(&random) % (60 * MS));
		long long until = now() + next_random(&random) % (3 * MS);

		if (fondue_spin_lock(&board->many[first]) != 0)
			return 1;
		if (fondue_spin_timedlock(&board->many[second], &soon) == 0) {
			while (now() < until)
				sched_yield();
			must(fondue_spin_unlock(&board->many[second]) == 0);
		}
		must(fondue_spin_unlock(&board->many[first]) == 0);
	}
	return CHILD_GOOD;
}

/* In both orders: there are circles, and none of them lasts until it may be reported. */
static int work_in_any_order(void)
{
	uint64_t random = my_tid();
	long long end = now() + atomic_load(&board->go) * MS;

	while (now() < end) {
		unsigned first = 8 + next_random(&random) % 4, second = 8 + next_random(&random) % 4;
		struct timespec soon = time_at(now() + next_random(&random) % (2 * MS));

		if (fondue_spin_timedlock(&board->many[first], &soon) != 0)
			continue;
		soon = time_at(now() + next_random(&random) % (2 * MS));
		if (fondue_spin_timedlock(&board->many[second], &soon) == 0)
			must(fondue_spin_unlock(&board->many[second]) == 0);
		must(fondue_spin_unlock(&board->many[first]) == 0);
	}
	return CHILD_GOOD;
}

static void *random_thread(void *work)
{
	return (void *)(long)((int (*)(void))work)();
}

static int work_random(void)
{
	pthread_t threads[2];
	void *result;
	int good;

	must(pthread_create(&threads[0], NULL, random_thread, (void *)work_in_order) == 0);
	must(pthread_create(&threads[1], NULL, random_thread, (void *)work_in_any_order) == 0);
	good = work_in_order();
	for (unsigned i = 0; i < 2; i++) {
		must(pthread_join(threads[i], &result) == 0);
		good = result == (void *)CHILD_GOOD ? good : 1;
	}
	return good;
}

/* Locks that are never part of a circle are told of soon, so that there is much to look at. */
static int play_random(void)
{
	const char *seconds = getenv("FONDUE_TEST_SECONDS");
	pid_t pids[3];

	atomic_store(&board->go, 1000 * (seconds ? atoi(seconds) : 6));
	for (unsigned i = 0; i < 8; i++)
		must(fondue_spin_set_hold_limit(&board->many[i], 1) == 0);
	for (unsigned i = 8; i < 12; i++)
		must(fondue_spin_set_hold_limit(&board->many[i], 500) == 0);
	for (unsigned i = 0; i < 3; i++)
		pids[i] = start(work_random);
	for (unsigned i = 0; i < 3; i++)
		must(unit_wait(pids[i]) == CHILD_GOOD);
	tap_note("%u reports in the random run", count_said("fondue["));
	must(count_said("DEADLOCK") == 0 && count_said(" held ") > 10);
	return CHILD_GOOD;
}

int main(void)
{
	if (!held_begin())
		tap_skip_all("to be preloaded");
	test_hold(&annotated, "a circle of two processes", play_two);
	test_hold(&annotated, "... of three processes with two threads each", play_mixed);
	test_hold(&annotated, "... of 48 threads in 16 processes", play_many);
	test_hold(&annotated, "... with one that is stopped", play_stopped_member);
	test_hold(&annotated, "one that ends by a deadline ends with times that make sense",
		play_broken);
	test_hold(&annotated, "no circle is seen in a long random run that has none", play_random);
	return tap_done();
}
