/* SPDX-License-Identifier: MIT */
/*
 * log.h - one-line messages to standard error or to FONDUE_LOG
 */
#pragma once

#include "base.h"

/* Remember what standard error is; before the host can change it. */
void log_start(void);

/* Where messages go from now on; NULL: standard error. @path must stay valid. */
void log_set_file(const char *path);

/* Lines are objects from now on: {"v":1,"ev":"message","pid":PID,"text":"..."} */
void log_as_json(void);

/*
 * log_line() - say one line: "fondue[PID]: ..." and a newline, in one write
 *
 * Understands %s (NULL: "?"), %d, %u, %zu, %lu, %lx and %%, no widths. Cuts a line at
 * LOG_LINE_MAX bytes. Allocates nothing, takes no lock, keeps errno; async-signal-safe.
 */
#define LOG_LINE_MAX 1024
void log_line(const char *format, ...) FONDUE_PRINTF(1, 2);

/* The same into @text, ended by a 0 byte, cut at @size bytes. */
void log_format(char *text, size_t size, const char *format, ...) FONDUE_PRINTF(3, 4);

/*
 * struct log_text - lines that belong together, in room of the caller's
 *
 * log_begin() writes who speaks, log_add() what, log_end_line() ends a line; what a full text,
 * with len == max, does not hold is lost. log_say() says it: in one write, if it goes to a file, to
 * a pipe that has room for it, or fits into LOG_TEXT_MAX bytes, which a pipe takes as a whole.
 */
#define LOG_TEXT_MAX 4096 /* PIPE_BUF */
struct log_text {
	size_t len, max;
	char *bytes;
};
void log_begin(struct log_text *text);
void log_add(struct log_text *text, const char *format, ...) FONDUE_PRINTF(2, 3);
void log_end_line(struct log_text *text);
/* As a string of JSON. What is no UTF-8, which a file name may be, has its bytes as code points. */
void log_add_quoted(struct log_text *text, const char *value);
void log_say(const struct log_text *text);

/*
 * log_write() - write without a signal of ours reaching the host, and without losing one of its
 * own
 *
 * Return: how much; 0: it would have taken too long; negative: the error.
 */
long log_write(int fd, const char *text, size_t len);
