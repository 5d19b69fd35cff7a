/* SPDX-License-Identifier: MIT */
/*
 * shares.c - the lecture's programs with the lecture's own names
 *
 *	shares
 *
 * After Dr. Lawlor's CS 641 lecture "Distributed Memory with Fork & Mmap": memory comes from
 * shared_malloc(len), goes back by shared_free(p, len), a lock is held by scoped_shared_lock,
 * and a global is `shared`; workers are forked and waited for by hand. There shared_malloc() is
 * an mmap(), so only what is allocated before the fork is shared, in whole pages; so it is
 * here, too, without the runtime, and the first part works. With it the workers of the second
 * part allocate, and their parent finds what they have left in a list, and frees it.
 *
 * Exit status: 0: both parts; 1: the first one; 2: neither.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fondue/short.h>

#define WORKERS 4
#define NUMBERS 20000

struct factor {
	struct factor *next;
	unsigned long number, divisor;
};

shared struct factor *factors;
shared fondue_spinlock_t lock;

/* Each child is one worker, and its parent the one who collects. */
static int run_workers(void (*work)(int, void *), void *arg)
{
	int failed = 0, status;

	for (int i = 0; i < WORKERS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			work(i, arg);
			_exit(0);
		}
		failed += pid < 0;
	}
	while (wait(&status) > 0)
		failed += status != 0;
	return !failed;
}

/* Every WORKERS'th square, into memory that was there before. */
static void square(int worker, void *arg)
{
	unsigned long *squares = arg;

	for (unsigned long i = (unsigned long)worker; i < NUMBERS; i += WORKERS)
		squares[i] = i * i;
}

static int fill_table(void)
{
	const size_t len = NUMBERS * sizeof(unsigned long);
	unsigned long *squares = shared_malloc(len), wrong = 0;

	if (!squares || !run_workers(square, squares))
		return 0;
	for (unsigned long i = 0; i < NUMBERS; i++)
		wrong += squares[i] != i * i;
	printf("of %d squares %lu are wrong\n", NUMBERS, wrong);
	shared_free(squares, len);
	return !wrong;
}

static unsigned long divisor_of(unsigned long number)
{
	unsigned long divisor = 2;

	while (divisor * divisor <= number && number % divisor)
		divisor++;
	return divisor * divisor <= number ? divisor : number;
}

/* A block for each number that is no prime, and into the list of all. */
static void find_factors(int worker, void *arg)
{
	(void)arg;
	for (unsigned long i = 2 + (unsigned long)worker; i < NUMBERS; i += WORKERS) {
		struct factor *found;

		if (divisor_of(i) == i)
			continue;
		found = shared_malloc(sizeof(*found));
		if (!found)
			_exit(1);
		found->number = i;
		found->divisor = divisor_of(i);
		{
			scoped_shared_lock(&lock);
			found->next = factors;
			factors = found;
		}
	}
}

static int collect_list(void)
{
	unsigned long count = 0, wrong = 0, expected = 0;

	if (!run_workers(find_factors, NULL))
		return 0;
	while (factors) {
		struct factor *found = factors;

		factors = found->next;
		wrong += found->divisor != divisor_of(found->number);
		count++;
		shared_free(found, sizeof(*found));
	}
	for (unsigned long i = 2; i < NUMBERS; i++)
		expected += divisor_of(i) != i;
	printf("of %lu factors %lu were found, %lu wrong\n", expected, count, wrong);
	return count == expected && !wrong;
}

int main(void)
{
	int first = fill_table(), second = collect_list();

	return first && second ? 0 : first ? 1 : 2;
}
