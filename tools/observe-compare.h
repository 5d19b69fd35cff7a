/* SPDX-License-Identifier: MIT */
/*
 * observe-compare.h - which variables differ between two pictures of a process, and how
 */
#pragma once

#include "observe-picture.h"

struct comparison {
	size_t process; /* whose birth @before is */
	enum seen_when when;
	uint64_t at_us;
	const char *program; /* path of the program, which tells objects' kinds */
};

/* Before the first of a program: what was seen of an earlier one has indices of its own. */
void compare_begin(void);

/* Add to @seen what differs. An area that is not there any more is passed over. */
void compare_pictures(struct seen *seen, const struct comparison *comparison,
	const struct picture *before, const struct picture *now);
