/* SPDX-License-Identifier: MIT */
/* lost:  left: last_error error_text retries */
/* As errno: who has failed asks at once, in the same process. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int last_error;
static char error_text[80];
static int retries = 3;

static int try(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd >= 0)
		return close(fd);
	last_error = errno;
	snprintf(error_text, sizeof(error_text), "%s: %s", path, strerror(last_error));
	return -1;
}

int main(void)
{
	static const char *const paths[] = { "/nowhere", "/etc/passwd/x", "/dev/null", "/nowhere/y" };

	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			while (retries && try(paths[i]))
				retries--;
			_exit(last_error);
		}
	while (wait(NULL) > 0)
		;
	puts("done");
	return 0;
}
