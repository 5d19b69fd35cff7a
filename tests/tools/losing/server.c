/* SPDX-License-Identifier: MIT */
/* lost: stats  left: me started_at line served_by_me */
/* A prefork server: jobs come through one pipe, which all workers read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct statistics {
	long requests, bytes;
	int errors;
	int by_kind[4];
};
struct statistics stats;
static pid_t me;
static time_t started_at;
static char line[256];
static int jobs[2];

static void answer(unsigned char job)
{
	stats.requests++;
	stats.bytes += 100 + job;
	stats.by_kind[job % 4]++;
	stats.errors += job % 7 == 0;
	snprintf(line, sizeof(line), "job %u answered by process %d\n", job, (int)me);
}

static void work(void)
{
	unsigned char job;

	me = getpid();
	started_at = time(NULL);
	while (read(jobs[0], &job, 1) == 1)
		answer(job);
	exit(0);
}

int main(void)
{
	if (pipe(jobs))
		return 2;
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			close(jobs[1]);
			work();
		}
	for (int i = 0; i < 2000; i++) {
		unsigned char job = (unsigned char)i;

		if (write(jobs[1], &job, 1) != 1)
			return 2;
	}
	close(jobs[1]);
	while (wait(NULL) > 0)
		;
	printf("%ld requests, %ld bytes, %d errors\n", stats.requests, stats.bytes, stats.errors);
	return 0;
}
