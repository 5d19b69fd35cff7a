/* SPDX-License-Identifier: MIT */
/* lost: lines_written  left: buffer level last_message_at indent */
/* A log whose lines are numbered; the numbers come twice. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned long lines_written;
static char buffer[400];
static int level = 2;
static struct timespec last_message_at;
static int indent;

__attribute__((format(printf, 2, 3))) static void say(int at, const char *format, ...)
{
	va_list args;
	int length;

	if (at > level)
		return;
	clock_gettime(CLOCK_REALTIME, &last_message_at);
	length = snprintf(buffer, sizeof(buffer), "%04lu %*s", ++lines_written, indent, "");
	va_start(args, format);
	length += vsnprintf(buffer + length, sizeof(buffer) - (size_t)length - 1, format, args);
	va_end(args);
	buffer[length++] = '\n';
	if (write(1, buffer, (size_t)length) != length)
		_exit(3);
}

int main(void)
{
	say(1, "start");
	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			level = 3 + i;
			indent = 4;
			for (int j = 0; j < 3 + 2 * i; j++)
				say(j, "worker %d, step %d", i, j);
			_exit(0);
		}
		wait(NULL);
	}
	say(1, "%lu lines", lines_written);
	return 0;
}
