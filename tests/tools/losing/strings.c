/* SPDX-License-Identifier: MIT */
/* lost:  left: scratch rest out_used out token checksum */
/* Parsing with static buffers, as it was done. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch[128], out[256];
static char *rest, *token;
static size_t out_used;
static unsigned checksum;

static void parse(const char *line)
{
	strncpy(scratch, line, sizeof(scratch) - 1);
	rest = scratch;
	while ((token = strsep(&rest, ","))) {
		out_used += (size_t)snprintf(out + out_used, sizeof(out) - out_used, "<%s>", token);
		for (const char *c = token; *c; c++)
			checksum = checksum * 16777619u ^ (unsigned char)*c;
	}
}

int main(void)
{
	static const char *const lines[] = { "red,green,blue", "1,2,3,4,5,6", "north,south" };

	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			parse(lines[i]);
			_exit(checksum == 0);
		}
	while (wait(NULL) > 0)
		;
	puts("done");
	return 0;
}
