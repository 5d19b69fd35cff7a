/* SPDX-License-Identifier: MIT */
/* lost: sold  left: */
/* A counter that has been guarded against threads. */
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t sold_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned sold;

static void sell(unsigned count)
{
	pthread_mutex_lock(&sold_mutex);
	sold += count;
	pthread_mutex_unlock(&sold_mutex);
}

int main(void)
{
	for (unsigned i = 0; i < 3; i++)
		if (fork() == 0) {
			for (unsigned j = 0; j < 10; j++)
				sell(i + j);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("%u sold\n", sold);
	return 0;
}
