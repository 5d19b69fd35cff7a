/* SPDX-License-Identifier: MIT */
/*
 * say.h - complaints: one line each on standard error, in one write
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* "fondue: ", the text, a newline. Bytes that a terminal would obey come out as '?'. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Replace such bytes in place: control characters of ASCII and of UTF-8. */
void say_clean(char *text);

/* Print @text to @file so cleaned. */
void say_to(FILE *file, const char *text);

/* "312 ms", "4.2 s" */
void say_time(FILE *file, uint64_t ms);

/* What stands behind the last slash: all that a line has room for. */
const char *say_base_name(const char *path);
