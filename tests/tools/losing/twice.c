/* SPDX-License-Identifier: MIT */
/* lost: jobs_finished  left: name */
/* Forks twice, so as to have no zombies: the end of a pipe tells when all are done. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int jobs_finished;
static char name[16];

static void work(int n)
{
	snprintf(name, sizeof(name), "worker %d", n);
	for (int i = 0; i < 10 + n; i++)
		jobs_finished++;
	_exit(0);
}

int main(void)
{
	int done[2];
	char byte;

	if (pipe(done))
		return 2;
	for (int i = 0; i < 3; i++) {
		pid_t child = fork();

		if (child == 0) {
			pid_t between = getpid();

			if (fork() == 0) {
				while (getppid() == between)
					usleep(1000);
				work(i);
			}
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	close(done[1]);
	while (read(done[0], &byte, 1) > 0)
		;
	printf("%d\n", jobs_finished);
	return 0;
}
