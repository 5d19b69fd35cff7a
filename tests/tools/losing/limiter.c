/* SPDX-License-Identifier: MIT */
/* lost: tokens refused  left: self */
/* No more than 50 requests shall be let through, by all workers together. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int tokens = 50, refused;
static int self;

static int admit(void)
{
	if (tokens == 0) {
		refused++;
		return 0;
	}
	tokens--;
	return 1;
}

int main(void)
{
	static const int demand[] = { 30, 44, 12, 61 };

	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			self = i + 1;
			for (int j = 0; j < demand[i]; j++)
				admit();
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("%d left, %d refused\n", tokens, refused);
	return 0;
}
