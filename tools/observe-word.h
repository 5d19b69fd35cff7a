/* SPDX-License-Identifier: MIT */
/*
 * observe-word.h - the value of a part of a variable, in two pictures of it
 */
#pragma once

#include "observe-picture.h"
#include "observe-types.h"

/* One area of a picture, by its number. */
struct site {
	const struct picture *picture;
	size_t area;
};

/* @start: of the variable, in the process. */
struct seen_word word_make(const struct site *before, const struct site *now, uint64_t start,
	const struct field *field);
