/* SPDX-License-Identifier: MIT */
/* lost: composite  left: first */
/* A sieve: a byte for each number, struck out by whoever has the prime. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT 5000
static char composite[LIMIT];
static int first;

int main(void)
{
	static const int primes[] = { 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67 };
	int left = 0;

	for (int worker = 0; worker < 3; worker++)
		if (fork() == 0) {
			first = primes[worker];
			for (unsigned i = (unsigned)worker; i < sizeof(primes) / sizeof(primes[0]); i += 3)
				for (int n = 2 * primes[i]; n < LIMIT; n += primes[i])
					composite[n] = 1;
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	for (int n = 2; n < LIMIT; n++)
		left += !composite[n];
	printf("%d primes\n", left);
	return 0;
}
