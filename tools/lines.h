/* SPDX-License-Identifier: MIT */
/*
 * lines.h - the lines of a file that may be anything
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A record with all its frames has some ten thousand bytes. */
#define LINE_MAX_BYTES (1 << 20)

struct line {
	char *text; /* a 0 byte behind it; in it there may be others */
	size_t length;
	bool is_cut; /* it is longer than LINE_MAX_BYTES: here is its beginning */
};

/*
 * lines_next() - the next line, without its newline
 * @line: all 0 before the first
 *
 * Return: false at the end, and where the file cannot be read (see ferror(3)).
 */
bool lines_next(struct line *line, FILE *file);
