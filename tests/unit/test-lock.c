/* SPDX-License-Identifier: MIT */
/*
 * Description: the runtime's own lock excludes threads, sleeps, and survives a fork
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include "kernel.h"
#include "lock.h"
#include "unit.h"

#define THREADS 4
#define ROUNDS	20000

static struct lock lock;
static unsigned long counter; /* not atomic: what the lock protects */

static void *count(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned long seen;

		lock_take(&lock);
		seen = counter;
		if (i % 64 == 0)
			sched_yield(); /* let another thread come in, if it can */
		counter = seen + 1;
		lock_release(&lock);
	}
	return NULL;
}

static int play_exclusion(void)
{
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		must(pthread_create(&threads[i], NULL, count, NULL) == 0);
	for (unsigned i = 0; i < THREADS; i++)
		must(pthread_join(threads[i], NULL) == 0);
	must(counter == (unsigned long)THREADS * ROUNDS);
	must(atomic_load(&lock.word) == 0);
	return CHILD_GOOD;
}

static int play_alone(void)
{
	kernel_reset();
	errno = EXDEV;
	for (unsigned i = 0; i < 1000; i++) {
		lock_take(&lock);
		lock_release(&lock);
	}
	must(kernel_all_calls() == 0);
	must(errno == EXDEV);
	return CHILD_GOOD;
}

static atomic_int asleep;

static void see_sleep(const long *args)
{
	if (args[1] == FUTEX_WAIT_PRIVATE)
		atomic_fetch_add(&asleep, 1);
}

static void *take(void *arg)
{
	(void)arg;
	lock_take(&lock);
	counter++;
	lock_release(&lock);
	return NULL;
}

/* All threads have gone to sleep, or are about to, when the lock is released once. */
static int play_sleep(void)
{
	pthread_t threads[THREADS];

	kernel_watch(SYS_futex, see_sleep);
	lock_take(&lock);
	for (unsigned i = 0; i < THREADS; i++)
		must(pthread_create(&threads[i], NULL, take, NULL) == 0);
	while (atomic_load(&asleep) < THREADS)
		sched_yield();
	for (unsigned i = 0; i < 100; i++)
		sched_yield();
	must(atomic_load(&asleep) == THREADS); /* they sleep, and do not try again and again */
	must(counter == 0);
	lock_release(&lock);
	for (unsigned i = 0; i < THREADS; i++)
		must(pthread_join(threads[i], NULL) == 0);
	must(counter == THREADS && atomic_load(&lock.word) == 0);
	return CHILD_GOOD;
}

/* A handler may interrupt taking and releasing at any instruction: one word tells it all. */
static volatile sig_atomic_t inconsistent, handled;

static void look(int number)
{
	bool mine = lock_is_mine(&lock);

	(void)number;
	if (!mine) {
		lock_take(&lock);
		inconsistent += !lock_is_mine(&lock);
		lock_release(&lock);
	}
	inconsistent += lock_is_mine(&lock) != mine;
	handled++;
}

static int play_handler(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	const struct itimerspec often = { { 0, 20000 }, { 0, 20000 } };
	timer_t timer;

	signal(SIGUSR1, look);
	must(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	must(timer_settime(timer, 0, &often, NULL) == 0);
	while (handled < 2000) {
		must(!lock_is_mine(&lock));
		lock_take(&lock);
		must(lock_is_mine(&lock));
		lock_release(&lock);
	}
	must(inconsistent == 0);
	return CHILD_GOOD;
}

static void *look_from_elsewhere(void *arg)
{
	*(bool *)arg = lock_is_mine(&lock);
	return NULL;
}

static int play_owner(void)
{
	pthread_t thread;
	bool others = true;

	lock_take(&lock);
	must(pthread_create(&thread, NULL, look_from_elsewhere, &others) == 0);
	must(pthread_join(thread, NULL) == 0);
	must(lock_is_mine(&lock) && !others);
	lock_release(&lock);
	must(!lock_is_mine(&lock));
	return CHILD_GOOD;
}

static int play_fork(void)
{
	pid_t pid;

	lock_take(&lock);
	pid = fork();
	must(lock_is_mine(&lock)); /* the child's, too */
	lock_release(&lock);
	lock_take(&lock);
	lock_release(&lock);
	if (pid == 0)
		_exit(CHILD_GOOD);
	must(unit_wait(pid) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* A waiter in the parent is the parent's to wake. */
static int play_fork_with_waiter(void)
{
	pthread_t thread;
	pid_t pid;

	kernel_watch(SYS_futex, see_sleep);
	lock_take(&lock);
	must(pthread_create(&thread, NULL, take, NULL) == 0);
	while (atomic_load(&asleep) == 0)
		sched_yield();
	pid = fork();
	lock_release(&lock);
	if (pid == 0) {
		lock_take(&lock);
		lock_release(&lock);
		_exit(counter == 0 ? CHILD_GOOD : 1);
	}
	must(pthread_join(thread, NULL) == 0 && counter == 1);
	must(unit_wait(pid) == CHILD_GOOD);
	return CHILD_GOOD;
}

int main(void)
{
	test_play("threads exclude one another", play_exclusion);
	test_play("uncontended, it makes no system call and leaves errno alone", play_alone);
	test_play("waiters sleep, and every one is woken", play_sleep);
	test_play("the holder knows that it is, and nobody else does", play_owner);
	test_play("a signal handler may take it wherever it interrupts", play_handler);
	test_play("held across a fork it is released in both processes", play_fork);
	test_play("also while another thread waits", play_fork_with_waiter);
	return tap_done();
}
