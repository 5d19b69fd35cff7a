/* SPDX-License-Identifier: MIT */
/* lost: evaluations  perhaps: memo  left: */
/* A memo is filled by each worker for itself: slow, but nothing is wrong. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long memo[64];
static unsigned evaluations;

static unsigned long ways(int n)
{
	if (n < 2)
		return 1;
	if (!memo[n]) {
		evaluations++;
		memo[n] = ways(n - 1) + ways(n - 2);
	}
	return memo[n];
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			_exit(ways(20 + 7 * i) == 0);
	while (wait(NULL) > 0)
		;
	printf("%u evaluations\n", evaluations);
	return 0;
}
