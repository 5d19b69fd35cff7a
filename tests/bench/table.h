/* SPDX-License-Identifier: MIT */
/*
 * table.h - results as Markdown, with the same columns everywhere
 *
 * A benchmark prints one section of the page of results: a heading, tables, and for each
 * thing promised a line that begins with "Goal:". tests/bench/run collects those lines.
 */
#pragma once

#include "samples.h"

/* @what and its unit stand over the names, @reference over the differences to it. */
static inline void table_head(const char *what, const char *reference)
{
	printf("\n| %s | median | 10th percentile | minimum | more than %s: median (95 %%) |\n"
	       "|---|--:|--:|--:|--:|\n",
		what, reference);
}

/* @reference: NULL for a line that is compared with nothing */
static inline void table_line(const struct samples *s, const struct samples *reference)
{
	struct summary sum = samples_summary(s);
	struct estimate more;

	printf("| %s | %.2f | %.2f | %.2f | ", s->name, sum.median, sum.p10, sum.min);
	if (!reference || reference == s) {
		printf("|\n");
		return;
	}
	more = samples_difference(s, reference);
	printf("%+.2f (%+.2f to %+.2f) |\n", more.median, more.low, more.high);
}
