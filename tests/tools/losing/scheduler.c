/* SPDX-License-Identifier: MIT */
/* lost: jobs  left: running current */
/* Jobs with a state and a cost; a process for each, which fills in what came out. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_DONE };
struct job {
	enum job_state state;
	int input;
	long output;
	unsigned rounds;
};
static struct job jobs[6] = { { .input = 27 }, { .input = 97 }, { .input = 871 }, { .input = 6171 },
	{ .input = 703 }, { .input = 25 } };
static struct job *current;
static int running;

static void run(struct job *job)
{
	long n = job->input;

	current = job;
	job->state = JOB_RUNNING;
	while (n != 1) {
		n = n % 2 ? 3 * n + 1 : n / 2;
		job->rounds++;
		if (n > job->output)
			job->output = n;
	}
	job->state = JOB_DONE;
}

int main(void)
{
	int done = 0;

	for (int i = 0; i < 6; i++) {
		running++;
		if (fork() == 0) {
			run(&jobs[i]);
			_exit(0);
		}
		if (running == 2) {
			wait(NULL);
			running--;
		}
	}
	while (wait(NULL) > 0)
		running--;
	for (int i = 0; i < 6; i++)
		done += jobs[i].state == JOB_DONE;
	printf("%d jobs done\n", done);
	return 0;
}
