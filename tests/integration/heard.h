/* SPDX-License-Identifier: MIT */
/*
 * heard.h - what any process of the family has said, in a file that is standard error
 *
 * Opened for appending: so the runtime takes it for a place for messages, and lines of
 * several processes are whole.
 */
#pragma once

#include <fcntl.h>

#include "../unit/unit.h"

static inline void hear(void)
{
	int file = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);

	if (file < 0 || dup2(file, STDERR_FILENO) < 0)
		tap_bail_out("no file for standard error");
	close(file);
}

/* All of it. */
static inline const char *heard(void)
{
	static char text[1 << 20];
	ssize_t len = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

static inline unsigned heard_count(const char *what)
{
	unsigned count = 0;

	for (const char *at = heard(); (at = strstr(at, what)); at++)
		count++;
	return count;
}

static inline void hear_anew(void)
{
	if (ftruncate(STDERR_FILENO, 0) != 0)
		tap_bail_out("no way to empty standard error");
}

/* The first lines of it, as remarks. */
static inline void heard_explain(void)
{
	const char *at = heard();

	for (unsigned i = 0; *at && i < 12; i++) {
		const char *end = strchrnul(at, '\n');

		tap_note("said: %.*s", (int)(end - at), at);
		at = *end ? end + 1 : end;
	}
}
