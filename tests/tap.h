/* SPDX-License-Identifier: MIT */
/*
 * tap.h - the Test Anything Protocol, as far as these tests need it
 *
 * A test is a plain executable: `test("a sentence", condition)` for each claim, and
 * `return tap_done();` at its end. A claim made in a child process counts only if the
 * child reports to its parent (through its exit status, say): lines are the parent's.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define TAP_SKIPPED 77 /* exit status of what a test runs itself: it cannot be done here */

static unsigned tap_count, tap_failed;

/* Print the result of one claim, @name being a sentence; return it. */
#define test(name, ...) tap_result((__VA_ARGS__), name, __FILE__, __LINE__, #__VA_ARGS__)

static inline bool tap_result(
	bool good, const char *name, const char *file, int line, const char *text)
{
	tap_count++;
	printf("%s %u - %s\n", good ? "ok" : "not ok", tap_count, name);
	if (!good) {
		tap_failed++;
		printf("#   %s:%d: %s\n", file, line, text);
	}
	fflush(stdout);
	return good;
}

/* A remark for whoever reads the log of a failure. */
__attribute__((format(printf, 1, 2))) static inline void tap_note(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/* What the test needs is not to be had here: say why, and end. */
__attribute__((noreturn)) static inline void tap_skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	exit(EXIT_SUCCESS); /* any other status is an error where the protocol is spoken */
}

/* Something that must work did not, and it is not what is tested: give up. */
__attribute__((noreturn)) static inline void tap_bail_out(const char *why)
{
	printf("Bail out! %s\n", why);
	exit(1);
}

static inline int tap_done(void)
{
	printf("1..%u\n", tap_count);
	return tap_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
