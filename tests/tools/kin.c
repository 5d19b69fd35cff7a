/* SPDX-License-Identifier: MIT */
/*
 * kin.c - a family that does as it is told, for others to look at
 *
 * Reads one command a line, for lock A (and B) by number, and forks a child for it:
 *
 *	hold A		takes it, and keeps it
 *	plugin A	has take_there() in plugin.so take it, and keeps it
 *	spin A		takes it, and keeps it, running
 *	again A		takes it, gives it back, and does the same as hold: now it has an identity
 *	nest A B	takes those from A to B, one inside the other, and keeps them; those with
 *			an odd number, but the first, elsewhere in the code
 *	wait A		takes it, and gives it back
 *	queue A		takes it, and keeps it
 *	cross A B	takes A; when told to `go`, B
 *	thread A	waits for it in a second thread
 *	hammer A	takes it and gives it back for ever
 *	away A		as number 2 of a pid namespace of its own, takes it and keeps it, and
 *			then writes the number of 1; or 0 if that is not allowed
 *
 * Numbers from 1000 on are locks in memory that was mapped, not annotated; from 2000 on in
 * memory of which each process has its own. `own A` is done by the parent itself. A child
 * writes "PID TID": hold, plugin, spin, again, nest and cross when they have it, others before.
 * All end when their parent does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fondue/spinlock.h>

#define LOCKS  512
#define MAPPED 1000
#define OWN    2000

FONDUE_SHARED fondue_spinlock_t queue_lock;
FONDUE_SHARED static fondue_spinlock_t table[LOCKS];
FONDUE_SHARED static atomic_int going;

static fondue_spinlock_t *mapped, own[LOCKS];

static fondue_spinlock_t *lock_at(int number)
{
	FONDUE_SHARED static fondue_spinlock_t inner;

	if (number >= OWN)
		return &own[number - OWN];
	if (number >= MAPPED)
		return &mapped[number - MAPPED];
	return number == 0 ? &queue_lock : number == 1 ? &inner : &table[number];
}

static void tell(void)
{
	char line[64];
	int len = snprintf(
		line, sizeof(line), "%d %ld\n", (int)getpid(), (long)syscall(SYS_gettid));

	if (write(STDOUT_FILENO, line, len) != len)
		_exit(1);
}

/* Three places where a lock is taken, each in a function of its own. */
__attribute__((noinline)) static void take(int number)
{
	int result = fondue_spin_lock(lock_at(number));

	if (result && result != EOWNERDEAD)
		_exit(2);
}

__attribute__((noinline)) static void take_odd(int number)
{
	int result = fondue_spin_lock(lock_at(number));

	if (result && result != EOWNERDEAD)
		_exit(3);
}

__attribute__((noinline)) static void take_and_return(int number)
{
	int result = fondue_spin_lock(lock_at(number));

	if (result && result != EOWNERDEAD)
		_exit(2);
	fondue_spin_unlock(lock_at(number));
}

/* By code that only this process has. */
static void take_by_plugin(int number)
{
	void *plugin = dlopen("$ORIGIN/plugin.so", RTLD_NOW);
	void (*take_there)(fondue_spinlock_t *) = dlsym(plugin, "take_there");

	take_there(lock_at(number));
}

static void *wait_in_thread(void *number)
{
	tell();
	take_and_return(*(int *)number);
	return NULL;
}

__attribute__((noinline)) static void keep(void)
{
	tell();
	for (;;)
		pause();
}

static void spin(void)
{
	tell();
	for (;;)
		__asm__ volatile("");
}

static void cross(int a, int b)
{
	take(a);
	tell();
	while (!atomic_load(&going))
		sched_yield();
	take(b);
	keep();
}

static void report(pid_t pid)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%d %d\n", (int)pid, (int)pid);

	if (write(STDOUT_FILENO, line, len) != len)
		_exit(1);
}

static void hold_away(int number)
{
	int has_it[2];
	pid_t pid;
	char byte;

	if (pipe(has_it) != 0 || unshare(CLONE_NEWPID) != 0) {
		report(0);
		return;
	}
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fork() == 0) {
			take(number);
			(void)!write(has_it[1], "", 1);
		}
		for (;;)
			pause();
	}
	report(pid > 0 && read(has_it[0], &byte, 1) == 1 ? pid : 0);
	while (wait(NULL) > 0)
		;
}

static void play(const char *word, int a, int b)
{
	pthread_t thread;

	if (!strcmp(word, "again"))
		take_and_return(a);
	if (!strcmp(word, "hold") || !strcmp(word, "again") || !strcmp(word, "nest")) {
		take(a);
		while (*word == 'n' && a < b)
			++a % 2 ? take_odd(a) : take(a);
		keep();
	} else if (!strcmp(word, "plugin")) {
		take_by_plugin(a);
		keep();
	} else if (!strcmp(word, "spin")) {
		take(a);
		spin();
	} else if (!strcmp(word, "wait")) {
		tell();
		take_and_return(a);
	} else if (!strcmp(word, "queue")) {
		tell();
		take(a);
		for (;;)
			pause();
	} else if (!strcmp(word, "cross")) {
		cross(a, b);
	} else if (!strcmp(word, "thread")) {
		if (pthread_create(&thread, NULL, wait_in_thread, &a) == 0)
			pthread_join(thread, NULL);
	} else if (!strcmp(word, "away")) {
		hold_away(a);
	} else if (!strcmp(word, "hammer")) {
		tell();
		for (;;)
			take_and_return(a);
	}
}

static void start(const char *word, int a, int b)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		play(word, a, b);
	_exit(0);
}

int main(void)
{
	char line[64], word[16];
	int a, b;

	mapped = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mapped == MAP_FAILED)
		return 1;
	tell();
	while (fgets(line, sizeof(line), stdin)) {
		a = b = 0;
		if (sscanf(line, "%15s %d %d", word, &a, &b) < 1)
			continue;
		if (!strcmp(word, "own")) {
			take(a);
			tell();
		} else if (!strcmp(word, "go")) {
			atomic_store(&going, 1);
		} else {
			start(word, a, b);
		}
	}
	return 0;
}
