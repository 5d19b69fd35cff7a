/* SPDX-License-Identifier: MIT */
/* lost:  left: me parent_pid is_worker role started fd verbosity name */
/* Workers that know who they are, and lose nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum role { ROLE_MASTER, ROLE_READER, ROLE_WRITER };
static enum role role;
static int me = -1, is_worker, verbosity = 1;
static pid_t parent_pid;
static time_t started;
static int fd = -1;
static char name[32] = "master";

int main(void)
{
	int good = 0, status;

	for (int i = 0; i < 5; i++)
		if (fork() == 0) {
			me = i;
			is_worker = 1;
			role = i % 2 ? ROLE_READER : ROLE_WRITER;
			parent_pid = getppid();
			started = time(NULL);
			verbosity = 0;
			fd = open("/dev/null", O_WRONLY);
			snprintf(name, sizeof(name), "worker %d", i);
			_exit(write(fd, name, sizeof(name)) != sizeof(name));
		}
	while (wait(&status) > 0)
		good += status == 0;
	printf("%d good\n", good);
	return 0;
}
