/* SPDX-License-Identifier: MIT */
/*
 * Description: fork() in signal handlers, and among threads
 *
 * fork() takes a lock of the runtime's, so that nothing is half shared in a child. A
 * signal handler may interrupt that at any instruction and fork itself; threads may fork
 * at the same time.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/time.h>

#include "counting.h"
#include "run.h"
#include "sharing.h"

static void fork_in_handler(int signal)
{
	int saved = errno;
	pid_t pid = fork();

	(void)signal;
	if (pid == 0) {
		count_one();
		_exit(CHILD_DONE);
	}
	table[0] += exit_status(pid) == CHILD_DONE;
	errno = saved;
}

static bool forks_in_handler(void)
{
	reset();
	signal(SIGUSR1, fork_in_handler);
	for (int i = 0; i < 10; i++)
		raise(SIGUSR1);
	return count == 10 && table[0] == 10 && private_count == 0;
}

static volatile sig_atomic_t interrupted;

/* _Fork() is the one that may be called anywhere, in the middle of a fork() above all. */
static void interrupt(int signal)
{
	int saved = errno;
	pid_t pid = _Fork();

	(void)signal;
	if (pid == 0) {
		count_one();
		_exit(CHILD_DONE);
	}
	table[1] += exit_status(pid) == CHILD_DONE;
	interrupted++;
	errno = saved;
}

/*
 * A signal at some time during each fork(). One only: the kernel begins a fork() anew
 * that a signal has interrupted, so a timer that goes on could keep it from ever ending.
 */
static int play_interrupted(void)
{
	const int rounds = 1000;
	bool good = true;

	signal(SIGALRM, interrupt);
	for (int i = 0; good && i < rounds; i++) {
		const struct itimerval once = {{0, 0}, {0, 10 + i % 250}};
		pid_t pid;

		setitimer(ITIMER_REAL, &once, NULL);
		pid = fork();
		if (pid == 0)
			_exit(CHILD_DONE);
		while (interrupted <= i)
			sched_yield();
		good = exit_status(pid) == CHILD_DONE;
	}
	return good && count == rounds && table[1] == rounds && private_count == 0 ? 0
										   : 1;
}

static bool forks_while_interrupted(void)
{
	static struct run r;

	r = (struct run){.args = {run_self(), "interrupted"}};
	return run_explain(&r, run_succeeded(run(&r)));
}

static void test_signals(void)
{
	test("fork() in a signal handler shares", forks_in_handler());
	test("_Fork() in a handler that interrupts fork() shares, and does not hang",
		forks_while_interrupted());
}

#define THREADS 8

static atomic_bool stop;

static void *work(void *unused)
{
	while (!atomic_load(&stop))
		atomic_fetch_add(&count, 1);
	return unused;
}

/*
 * A child has the one thread, and the counter goes on under it: the others are the
 * parent's.
 */
static bool forks_among_threads(void)
{
	pthread_t threads[THREADS];
	bool good = true;

	reset();
	atomic_store(&stop, false);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (int i = 0; good && i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			int before = count;

			while (count == before)
				sched_yield();
			table[i] = private_count + 1;
			_exit(CHILD_DONE);
		}
		good = exit_status(pid) == CHILD_DONE && table[i] == 1;
	}
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return good;
}

static void *fork_ten(void *unused)
{
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			count_one();
			_exit(CHILD_DONE);
		}
		if (exit_status(pid) == CHILD_DONE)
			__atomic_fetch_add(&table[0], 1, __ATOMIC_RELAXED);
	}
	return unused;
}

static bool forks_from_threads(void)
{
	pthread_t threads[THREADS];

	reset();
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, fork_ten, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return count == 10 * THREADS && table[0] == 10 * THREADS && private_count == 0;
}

/* The child of a thread starts threads itself. */
static bool child_has_threads(void)
{
	pid_t pid;

	reset();
	pid = fork();
	if (pid == 0) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, fork_ten, NULL) ||
			pthread_join(thread, NULL))
			_exit(1);
		_exit(CHILD_DONE);
	}
	return exit_status(pid) == CHILD_DONE && count == 10;
}

static void test_threads(void)
{
	test("fork() with eight threads running shares", forks_among_threads());
	test("eight threads that fork share", forks_from_threads());
	test("a child starts threads, and they fork", child_has_threads());
}

/* The handler's child lives on: it forks itself, and then a thread of its does. */
static void fork_for_good(int signal)
{
	pid_t pid = fork();

	(void)signal;
	if (pid == 0) {
		pthread_t thread;

		alarm(30);
		fork_ten(NULL);
		if (pthread_create(&thread, NULL, fork_ten, NULL) ||
			pthread_join(thread, NULL))
			_exit(1);
		_exit(CHILD_DONE);
	}
	table[1] = exit_status(pid) == CHILD_DONE;
}

/* plugins/interrupt.so comes between: the signal arrives after the fork has begun. */
static int play_within(void)
{
	pid_t pid;

	signal(SIGUSR1, fork_for_good);
	pid = _Fork();
	if (pid == 0)
		_exit(CHILD_DONE);
	return exit_status(pid) == CHILD_DONE && table[1] && count == 20 ? 0 : 1;
}

static void test_within(void)
{
	static char preload[8192];
	static struct run r;

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s:%s", run_library(),
		run_beside("plugins/interrupt.so"));
	r = (struct run){.args = {run_self(), "within"}, .env = {preload}};
	test("the child of a handler that interrupts a fork forks, from threads, too",
		run_explain(&r, run_succeeded(run(&r))));
}

static const struct scenario scenarios[] = {
	{"interrupted", play_interrupted},
	{"within", play_within},
	{NULL, NULL},
};

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_signals();
	test_threads();
	test_within();
	return tap_done();
}
