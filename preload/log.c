/* SPDX-License-Identifier: MIT */
/*
 * log.c - how the runtime speaks
 *
 * Messages appear before libc is ready, in children forked from threads, and in programs
 * that have closed everything: so no stdio, no allocation, no descriptor that stays open.
 * A line is built on the stack and leaves in one write, so that lines of several
 * processes do not mix. FONDUE_LOG is opened for each message: messages are rare, and a
 * log file may be rotated, or its descriptor closed by a daemon's start-up code.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "log.h"

static const char *log_path;

void log_set_file(const char *path)
{
	log_path = path;
}

struct line {
	char *text;
	size_t len, max;
};

static void put_char(struct line *line, char c)
{
	if (line->len < line->max)
		line->text[line->len++] = c;
}

static void put_string(struct line *line, const char *s)
{
	for (s = s ? s : "?"; *s; s++)
		/* a file name may hold a newline; a message is one line */
		put_char(line, *s == '\n' ? '?' : *s);
}

static void put_number(struct line *line, unsigned long value, unsigned base)
{
	char digits[3 * sizeof(value)];
	size_t n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		put_char(line, digits[--n]);
}

static void put_signed(struct line *line, long value)
{
	if (value < 0)
		put_char(line, '-');
	put_number(line, value < 0 ? 0 - (unsigned long)value : (unsigned long)value, 10);
}

static void put_format(struct line *line, const char *format, va_list args)
{
	for (; *format; format++) {
		if (*format != '%') {
			put_char(line, *format);
			continue;
		}
		format++;
		bool is_long = *format == 'l' || *format == 'z';

		if (is_long)
			format++;
		if (*format == 's')
			put_string(line, va_arg(args, const char *));
		else if (*format == 'd')
			put_signed(line, is_long ? va_arg(args, long) : va_arg(args, int));
		else if (*format == 'u' || *format == 'x')
			put_number(line,
				is_long ? va_arg(args, unsigned long) : va_arg(args, unsigned),
				*format == 'u' ? 10 : 16);
		else
			put_char(line, *format);
	}
}

void log_format(char *text, size_t size, const char *format, ...)
{
	struct line line = { .text = text, .max = size - 1 };
	va_list args;

	va_start(args, format);
	put_format(&line, format, args);
	va_end(args);
	text[line.len] = '\0';
}

void log_line(const char *format, ...)
{
	char text[LOG_LINE_MAX];
	struct line line = { .text = text, .max = sizeof(text) - 1 };
	long fd = STDERR_FILENO;
	va_list args;

	put_string(&line, "fondue[");
	put_signed(&line, sys_call(SYS_getpid));
	put_string(&line, "]: ");
	va_start(args, format);
	put_format(&line, format, args);
	va_end(args);
	text[line.len++] = '\n'; /* `max` has kept room for it */

	if (log_path)
		fd = sys_call(SYS_openat, AT_FDCWD, log_path,
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	/* a log that cannot be opened: better on standard error than nowhere */
	(void)sys_call(SYS_write, fd < 0 ? STDERR_FILENO : fd, text, line.len);
	if (log_path && fd >= 0)
		(void)sys_call(SYS_close, fd);
}
