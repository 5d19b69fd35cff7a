/* SPDX-License-Identifier: MIT */
/* lost: hits  left: */
/* As in many an introduction: all do the same. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int hits;

int main(void)
{
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			for (int j = 0; j < 100; j++)
				hits++;
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("%d\n", hits);
	return 0;
}
