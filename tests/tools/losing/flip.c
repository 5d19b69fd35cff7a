/* SPDX-License-Identifier: MIT */
/* lost: frames  left: front planes phase */
/* Two planes, of which one is shown and the other drawn. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned char planes[2][64];
static int front;
static unsigned frames;
static float phase;

static void draw(void)
{
	int back = !front;

	for (int i = 0; i < 64; i++)
		planes[back][i] = (unsigned char)(planes[front][i] * 3 + i);
	front = back;
	phase += 0.125f;
	frames++;
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			for (int j = 0; j < 24 + i; j++)
				draw();
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("%u frames\n", frames);
	return 0;
}
