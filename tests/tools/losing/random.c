/* SPDX-License-Identifier: MIT */
/* lost: inside  left: state spare have_spare */
/* Normal deviates by the polar method, from a generator of 64 bits. */
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t state = 0x9e3779b97f4a7c15;
static double spare;
static int have_spare;
static long inside;

static double uniform(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (double)(state >> 11) / 9007199254740992.0;
}

static double deviate(void)
{
	double x, y;

	if (have_spare) {
		have_spare = 0;
		return spare;
	}
	do {
		x = 2 * uniform() - 1;
		y = 2 * uniform() - 1;
	} while (x * x + y * y >= 1);
	spare = y;
	have_spare = 1;
	return x;
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			state += (uint64_t)i * 7919;
			for (int j = 0; j < 3001; j++)
				inside += deviate() < 0.5;
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("%ld\n", inside);
	return 0;
}
