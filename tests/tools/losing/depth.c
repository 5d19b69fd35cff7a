/* SPDX-License-Identifier: MIT */
/* lost: deepest  left: depth path */
/* A walk through a maze that is not there; the deepest call of all workers is wanted. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int depth, deepest;
static char path[128];

static void walk(unsigned n)
{
	path[depth] = "NESW"[n % 4];
	if (++depth > deepest)
		deepest = depth;
	if (n > 3) {
		walk(n / 2);
		if (n % 3 == 0)
			walk(n - n / 3);
	}
	depth--;
}

int main(void)
{
	static const unsigned starts[] = { 100, 37, 81, 243 };

	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			walk(starts[i]);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("deepest %d\n", deepest);
	return 0;
}
