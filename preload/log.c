/* SPDX-License-Identifier: MIT */
/*
 * log.c - how the runtime speaks
 *
 * Messages appear before libc is ready, in children forked from threads, and in programs
 * that have closed everything: so no stdio, no allocation, no descriptor that stays open.
 * A line is built on the stack and leaves in one write, so that lines of several
 * processes do not mix. FONDUE_LOG is opened for each message: messages are rare, and a
 * log file may be rotated, or its descriptor closed by a daemon's start-up code.
 *
 * No message is worth the host: a reader that is gone must not kill it (SIGPIPE), a reader
 * that does not read must not hang it. And descriptor 2 may have become something else:
 * a program that closed it at its start has perhaps its database there now.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "log.h"
#include "text.h"

/* How long a full pipe or a stopped terminal may hold us up before the line is dropped. */
#define WRITE_WAIT_MS 100

static const char *log_path;

void log_set_file(const char *path)
{
	log_path = path;
}

static struct stat stderr_at_start; /* all 0: it was closed */

void log_start(void)
{
	if (sys_call(SYS_fstat, STDERR_FILENO, &stderr_at_start) != 0)
		stderr_at_start = (struct stat){ 0 };
}

/* <termios.h> has it only as a function, which may be a cancellation point. */
static bool is_terminal(int fd)
{
	char settings[256]; /* larger than any struct termios */

	return sys_call(SYS_ioctl, fd, TCGETS, settings) == 0;
}

/* /dev/null, on every Linux. */
#define NULL_DEVICE makedev(1, 3)

/*
 * As at start, or exchanged for what can only be meant for messages: a terminal, /dev/null, a
 * file opened for appending. Not for any pipe: the program's own may have come by the
 * number.
 */
static bool is_for_messages(int fd)
{
	struct stat now;
	long error = sys_call(SYS_fstat, fd, &now);

	if (error) /* closed; or a sandbox that does not let us ask */
		return error != -EBADF;
	if (now.st_dev == stderr_at_start.st_dev && now.st_ino == stderr_at_start.st_ino)
		return true;
	if (S_ISCHR(now.st_mode))
		return now.st_rdev == NULL_DEVICE || is_terminal(fd);
	return S_ISREG(now.st_mode) && (sys_call(SYS_fcntl, fd, F_GETFL) & O_APPEND);
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
		/* a file name may hold anything; a message is one line, and no terminal obeys it */
		put_char(line, (unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s);
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

static uint64_t now_ms(void)
{
	struct timespec now = { 0 };

	(void)sys_call(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* A signal may come again and again, and each ends ppoll(): the whole wait is bounded. */
static bool would_block(int fd)
{
	struct pollfd poll = { .fd = fd, .events = POLLOUT };
	uint64_t start = now_ms();
	struct timespec wait = { .tv_nsec = WRITE_WAIT_MS * 1000000L };
	long ready = sys_call(SYS_ppoll, &poll, 1, &wait, NULL, 0);

	while (ready == -EINTR && now_ms() - start < WRITE_WAIT_MS) {
		wait = (struct timespec){ .tv_nsec = 1000000 };
		ready = sys_call(SYS_ppoll, &poll, 1, &wait, NULL, 0);
		if (ready == 0)
			ready = -EINTR; /* a slice is over, not the wait */
	}
	return ready == 0 || ready == -EINTR; /* other errors: let write() find out */
}

/*
 * What a write can bring upon the host: SIGPIPE from a reader that is gone, SIGXFSZ from a
 * file that may not grow, SIGTTOU from a terminal that stops background writers. The
 * last does not come at all to who blocks it. The mask is the kernel's: libc's is larger.
 */
#define MASK_OF(number)	 (1UL << ((number)-1))
#define SIGNALS_OF_WRITE (MASK_OF(SIGPIPE) | MASK_OF(SIGXFSZ) | MASK_OF(SIGTTOU))

/*
 * What a pipe has room for it takes as a whole, other writers waiting meanwhile. A write that
 * ends where the room does, rather than wait for a reader, takes a description of our own.
 * Return: it, or -1.
 */
static long open_pipe_again(int fd, const struct stat *status)
{
	char path[32];

	if (!S_ISFIFO(status->st_mode))
		return -1;
	log_format(path, sizeof(path), "/proc/self/fd/%d", fd);
	return sys_call(SYS_openat, AT_FDCWD, path,
		O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

long log_write(int fd, const char *text, size_t len)
{
	unsigned long block = SIGNALS_OF_WRITE, ours = 0, saved, pending = 0;
	struct timespec now = { 0 };
	long result;

	if (would_block(fd))
		return 0;
	(void)sys_call(SYS_rt_sigprocmask, SIG_BLOCK, &block, &saved, sizeof(block));
	(void)sys_call(SYS_rt_sigpending, &pending, sizeof(pending));
	result = sys_call(SYS_write, fd, text, len);
	if (result == -EPIPE)
		ours = MASK_OF(SIGPIPE) & ~pending;
	else if (result == -EFBIG)
		ours = MASK_OF(SIGXFSZ) & ~pending;
	if (ours)
		(void)sys_call(SYS_rt_sigtimedwait, &ours, NULL, &now, sizeof(ours));
	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &saved, NULL, sizeof(saved));
	return result;
}

static void write_pieces(int fd, const char *text, size_t len, size_t piece)
{
	while (len) {
		long done = log_write(fd, text, piece < len ? piece : len);

		if (done <= 0)
			return;
		text += done;
		len -= done;
	}
}

/* Of a long text a file takes all; a terminal or a socket as much as its reader lets it. */
static void write_all(int fd, const char *text, size_t len)
{
	struct stat status = { .st_mode = 0 };
	size_t piece = len;
	long again = -1;

	if (len > LOG_TEXT_MAX)
		(void)sys_call(SYS_fstat, fd, &status);
	if (len > LOG_TEXT_MAX && !S_ISREG(status.st_mode)) {
		again = open_pipe_again(fd, &status);
		piece = again >= 0 ? len : LOG_TEXT_MAX;
	}
	write_pieces(again >= 0 ? again : fd, text, len, piece);
	if (again >= 0)
		(void)sys_call(SYS_close, again);
}

static void leave(const char *text, size_t len)
{
	long fd = STDERR_FILENO;

	if (log_path)
		fd = sys_call(SYS_openat, AT_FDCWD, log_path,
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	/* a log that cannot be opened: better on standard error than nowhere */
	if (log_path && fd >= 0)
		write_all(fd, text, len);
	else if (is_for_messages(STDERR_FILENO))
		write_all(STDERR_FILENO, text, len);
	if (log_path && fd >= 0)
		(void)sys_call(SYS_close, fd);
}

static bool is_json;

void log_as_json(void)
{
	is_json = true;
}

/* To half its length; not inside a character. */
static void cut(char *words)
{
	size_t len = text_length(words) / 2;

	while (len && ((unsigned char)words[len] & 0xc0) == 0x80)
		len--;
	words[len] = '\0';
}

/* An object is whole or of no use: words that it has no room for are cut. */
static void say_object(char *words)
{
	char bytes[LOG_LINE_MAX + 256]; /* not more: the stack may be a small one */
	struct log_text text = { .bytes = bytes, .max = sizeof(bytes) };

	for (;; cut(words)) {
		text.len = 0;
		log_add(&text, "{\"v\":1,\"ev\":\"message\",\"pid\":%d,\"text\":",
			(int)sys_call(SYS_getpid));
		log_add_quoted(&text, words);
		log_add(&text, "}");
		log_end_line(&text);
		if (text.bytes[text.len - 1] == '\n')
			break;
	}
	log_say(&text);
}

void log_line(const char *format, ...)
{
	char text[LOG_LINE_MAX];
	struct line line = { .text = text, .max = sizeof(text) - 1 };
	size_t start;
	va_list args;

	put_string(&line, "fondue[");
	put_signed(&line, sys_call(SYS_getpid));
	put_string(&line, "]: ");
	start = line.len;
	va_start(args, format);
	put_format(&line, format, args);
	va_end(args);
	text[line.len] = is_json ? '\0' : '\n'; /* `max` has kept room for it */
	if (is_json)
		say_object(text + start);
	else
		leave(text, line.len + 1);
}

void log_begin(struct log_text *text)
{
	text->len = 0;
	log_add(text, "fondue[%d]: ", (int)sys_call(SYS_getpid));
}

void log_add(struct log_text *text, const char *format, ...)
{
	struct line line = {
		.text = text->bytes, .len = text->len, .max = text->max
	};
	va_list args;

	va_start(args, format);
	put_format(&line, format, args);
	va_end(args);
	text->len = line.len;
}

void log_end_line(struct log_text *text)
{
	if (text->len < text->max)
		text->bytes[text->len++] = '\n';
}

void log_add_quoted(struct log_text *text, const char *value)
{
	static const char digits[] = "0123456789abcdef";
	bool is_utf8 = text_is_utf8(value);

	log_add(text, "\"");
	for (; *value; value++) {
		unsigned char c = *value;
		char escaped[] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15], '\0' };
		char plain[] = { (char)c, '\0' };
		bool is_plain = c >= 0x80 ? is_utf8 :
					    c >= ' ' && c != 0x7f && c != '"' && c != '\\';

		log_add(text, "%s", is_plain ? plain : escaped);
	}
	log_add(text, "\"");
}

void log_say(const struct log_text *text)
{
	leave(text->bytes, text->len);
}
