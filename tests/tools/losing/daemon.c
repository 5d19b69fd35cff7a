/* SPDX-License-Identifier: MIT */
/* lost:  left: ticks_done */
/* The parent leaves at once: the child is the program. */
#include <stdio.h>
#include <unistd.h>

static int ticks_done;

int main(void)
{
	int gone[2];
	char byte;

	if (pipe(gone))
		return 2;
	if (fork() > 0)
		_exit(0);
	close(gone[1]);
	if (read(gone[0], &byte, 1) != 0)
		return 2;
	for (int i = 0; i < 100; i++)
		ticks_done++;
	return ticks_done != 100;
}
