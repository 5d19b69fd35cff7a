/* SPDX-License-Identifier: MIT */
/* lost: balance transfers  left: teller */
/* Money goes to and fro; in the end there should be as much of it as before. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static long balance[8] = { 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000 };
static int transfers;
static int teller;

static void transfer(int from, int to, long amount)
{
	balance[from] -= amount;
	balance[to] += amount;
	transfers++;
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			teller = i;
			for (int j = 0; j < 40 + i; j++)
				transfer((j + i) % 8, (3 * j + 1) % 8, 5 + j % 11);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("%d transfers\n", transfers);
	return 0;
}
