/* SPDX-License-Identifier: MIT */
/*
 * lines.c - getline(3), for files that need not have lines
 *
 * A log may hold anything, gigabytes without a newline among it. What is longer than any
 * record is passed over without being kept.
 */
#include "lines.h"
#include "memory.h"

bool lines_next(struct line *line, FILE *file)
{
	int c = getc_unlocked(file);

	if (c == EOF)
		return false;
	if (!line->text)
		line->text = memory_get(LINE_MAX_BYTES + 1);
	line->length = 0;
	line->is_cut = false;
	for (; c != EOF && c != '\n'; c = getc_unlocked(file)) {
		if (line->length < LINE_MAX_BYTES)
			line->text[line->length++] = (char)c;
		else
			line->is_cut = true;
	}
	line->text[line->length] = '\0';
	return true;
}
