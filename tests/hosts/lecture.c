/* SPDX-License-Identifier: MIT */
/*
 * lecture.c - the two programs of the lecture on distributed memory, with globals
 *
 *	lecture [ROUNDS]
 *
 * After Dr. Lawlor's CS 641 lecture "Distributed Memory with Fork & Mmap". There the
 * shared variables are pointers into memory from mmap(), here they are globals with one
 * word in front. In the first program a parent and its child print and change one
 * variable under a lock, ROUNDS times each (5 unless told). Its address is the same in
 * both, which says nothing about sharing: a private copy has the same address in every
 * process, too; the values tell. In the second each of n workers computes its piece, and
 * the parent waits, collects and compares with what it computes alone: fondue_fork_join().
 *
 * Exit status: 0 when parent and child shared, 1 when each had its own copy (so it is
 * without the runtime), 2 when neither holds or the system refused something.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fondue/fondue.h>

#define ROUNDS	5
#define WORKERS 4
#define PRIMES	400000 /* how far to look for primes; some 33,000 are below */

enum result { SHARED = 0, PRIVATE = 1, WRONG = 2 };

struct piece {
	unsigned from, to; /* set by the parent before the fork */
	unsigned primes;   /* set by the worker: seen by the parent only if shared */
};

static unsigned long own; /* private by default: rounds of this process alone */
static FONDUE_SHARED unsigned long local;
static FONDUE_SHARED struct piece pieces[WORKERS];

static FONDUE_SHARED fondue_spinlock_t lock;

static void die(const char *what)
{
	perror(what);
	_exit(WRONG);
}

/* Wait for one child; did it do what it was to do? */
static void collect_process(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "lecture: a child ended with wait status 0x%x\n", status);
		_exit(WRONG);
	}
}

static void print_and_change(const char *whose, unsigned long rounds)
{
	for (unsigned long i = 0; i < rounds; i++) {
		{
			FONDUE_SCOPED_LOCK(&lock);
			printf("%s copy=%lu (at %p)\n", whose, local, (void *)&local);
			local++;
			own++;
		}
		sched_yield(); /* or the other would see few of our steps */
	}
}

/* A pipe works without shared memory: the parent begins when the child is running. */
static void tell(int fd)
{
	if (write(fd, "!", 1) != 1)
		die("write");
}

static void wait_to_be_told(int fd)
{
	char mark;

	if (read(fd, &mark, 1) != 1)
		die("read");
}

static enum result parent_and_child(unsigned long rounds)
{
	int running[2];
	pid_t child;

	printf("Parent and child, %lu rounds each:\n", rounds);
	if (pipe(running) < 0)
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		tell(running[1]);
		print_and_change("Child's", rounds);
		_exit(0);
	}
	wait_to_be_told(running[0]);
	print_and_change("Parent's", rounds);
	collect_process(child);
	close(running[0]);
	close(running[1]);

	printf("In the end the parent reads %lu.\n", local);
	printf("Rounds of its own, private: %lu\n\n", own);
	if (own != rounds)
		return WRONG; /* a neighbour of the shared variable became shared with it
			       */
	return local == 2 * rounds ? SHARED : local == rounds ? PRIVATE : WRONG;
}

static unsigned count_primes(unsigned from, unsigned to)
{
	unsigned primes = 0;

	for (unsigned n = from < 2 ? 2 : from; n < to; n++) {
		unsigned divisor = 2;

		while (divisor * divisor <= n && n % divisor != 0)
			divisor++;
		primes += divisor * divisor > n;
	}
	return primes;
}

/* Piece @i of the work, in a process of its own. */
static int count_piece(unsigned i, void *arg)
{
	(void)arg;
	pieces[i].primes = count_primes(pieces[i].from, pieces[i].to);
	return 0;
}

static enum result workers_and_parent(void)
{
	unsigned sum = 0, alone;

	printf("%d workers count primes below %d:\n", WORKERS, PRIMES);
	for (unsigned i = 0; i < WORKERS; i++) {
		pieces[i].from = PRIMES / WORKERS * i;
		pieces[i].to = PRIMES / WORKERS * (i + 1);
	}
	if (fondue_fork_join(WORKERS, count_piece, NULL, NULL)) {
		fprintf(stderr, "lecture: a piece of the work is not done\n");
		return WRONG;
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		sum += pieces[i].primes;
		printf("  %6u to %6u: %5u\n", pieces[i].from, pieces[i].to,
			pieces[i].primes);
	}
	alone = count_primes(0, PRIMES);
	printf("The parent collects: %5u\n", sum);
	printf("Alone it computes:   %5u\n", alone);
	return sum == alone ? SHARED : sum == 0 ? PRIVATE : WRONG;
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;
	enum result first, second;

	if (rounds == 0) {
		fprintf(stderr, "usage: lecture [ROUNDS]\n");
		return WRONG;
	}
	/* whole lines, at once: nothing is left in a buffer that a fork would double */
	setvbuf(stdout, NULL, _IOLBF, 0);
	first = parent_and_child(rounds);
	second = workers_and_parent();
	return first == second ? first : WRONG;
}
