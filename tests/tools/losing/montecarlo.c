/* SPDX-License-Identifier: MIT */
/* lost: partial  left: seed */
/* Pi by darts; each worker leaves its part of the sum in its own element. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4
static double partial[WORKERS];
static unsigned int seed;

static double dart(void)
{
	return (double)rand_r(&seed) / RAND_MAX;
}

static void throw_darts(int worker)
{
	seed = 17 + (unsigned)worker;
	for (int i = 0; i < 20000; i++) {
		double x = dart(), y = dart();

		if (x * x + y * y < 1)
			partial[worker] += 4.0 / 20000;
	}
}

int main(void)
{
	double sum = 0;

	for (int i = 0; i < WORKERS; i++)
		if (fork() == 0) {
			throw_darts(i);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < WORKERS; i++)
		sum += partial[i];
	printf("pi %.2f\n", sum / WORKERS);
	return 0;
}
