/* SPDX-License-Identifier: MIT */
/*
 * say.c - names come from files that anybody may have made
 *
 * A symbol or a path may hold a newline, which would make two lines of one complaint, or
 * an escape sequence, which would reprogram the terminal. Nothing is printed for people
 * but through here. (JSON has its own way of escaping, see `json`.)
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

/* Length of the control character at @s, or 0. U+0080..U+009F have two bytes. */
static size_t control(const unsigned char *s)
{
	if (s[0] < 0x20 || s[0] == 0x7f)
		return 1;
	return s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0 ? 2 : 0;
}

void say_clean(char *text)
{
	char *to = text;
	size_t len;

	while (*text) {
		len = control((unsigned char *)text);
		*to++ = len ? '?' : *text;
		text += len ? len : 1;
	}
	*to = '\0';
}

void say(const char *format, ...)
{
	char *text = NULL, *line = NULL;
	va_list args;
	int len = -1;

	va_start(args, format);
	if (vasprintf(&text, format, args) >= 0) {
		say_clean(text);
		len = asprintf(&line, "fondue: %s\n", text);
		free(text);
	}
	va_end(args);
	if (len < 0)
		return;
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		len = 0; /* nowhere left to say it */
	free(line);
}

void say_to(FILE *file, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return;
	say_clean(copy);
	fputs(copy, file);
	free(copy);
}

void say_time(FILE *file, uint64_t ms)
{
	if (ms < 1000)
		fprintf(file, "%" PRIu64 " ms", ms);
	else
		fprintf(file, "%" PRIu64 ".%" PRIu64 " s", ms / 1000, ms / 100 % 10);
}

const char *say_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}
