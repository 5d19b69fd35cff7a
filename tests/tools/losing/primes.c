/* SPDX-License-Identifier: MIT */
/* lost: found  left: limit */
/* A bit for each prime; every worker looks through its own range. */
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define RANGE 2048
static uint64_t found[4 * RANGE / 64];
static unsigned limit;

static int is_prime(unsigned n)
{
	for (unsigned i = 2; i * i <= n; i++)
		if (n % i == 0)
			return 0;
	return n > 1;
}

int main(void)
{
	int sum = 0;

	for (unsigned i = 0; i < 4; i++)
		if (fork() == 0) {
			limit = (i + 1) * RANGE;
			for (unsigned n = i * RANGE; n < limit; n++)
				if (is_prime(n))
					found[n / 64] |= (uint64_t)1 << n % 64;
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	for (unsigned i = 0; i < 4 * RANGE / 64; i++)
		sum += __builtin_popcountll(found[i]);
	printf("%d primes\n", sum);
	return 0;
}
