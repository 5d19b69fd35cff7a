/* SPDX-License-Identifier: MIT */
/* lost: grid  left: */
/* The parent says where in the arena the grid is when its child is there already. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int *volatile grid;

int main(void)
{
	int ready[2], status;
	struct rlimit none = { 0, 0 };
	char byte = 1;
	int *arena = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	setrlimit(RLIMIT_CORE, &none);
	if (pipe(ready))
		return 2;
	if (fork() == 0) {
		if (read(ready[0], &byte, 1) != 1)
			_exit(2);
		grid[0] = 42;
		_exit(0);
	}
	grid = arena + 16;
	if (write(ready[1], &byte, 1) != 1)
		return 2;
	wait(&status);
	printf("%d\n", WIFSIGNALED(status) ? -1 : grid[0]);
	return 0;
}
