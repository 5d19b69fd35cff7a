/* SPDX-License-Identifier: MIT */
/* lost: bins outliers  left: x */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned bins[16], outliers;
static double x;

int main(void)
{
	unsigned all = 0;

	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			x = 0.1 + 0.2 * i;
			for (int j = 0; j < 500 + 13 * i; j++) {
				x = 3.9 * x * (1 - x);
				if (x > 0.95)
					outliers++;
				else
					bins[(int)(x * 16)]++;
			}
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < 16; i++)
		all += bins[i];
	printf("%u, %u outliers\n", all, outliers);
	return 0;
}
