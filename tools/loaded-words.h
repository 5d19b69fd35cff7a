/* SPDX-License-Identifier: MIT */
/*
 * loaded-words.h - what the loader writes into an object's data before it runs
 */
#pragma once

#include "plan-bytes.h"

struct copied {
	struct extent at;
	const char *name;
	const char *library; /* as the program names it; NULL: not known */
};

struct loaded_words {
	uint64_t *pointers; /* addresses of words that are addresses then; sorted */
	size_t pointer_count;
	struct copied *copies; /* variables of libraries that have come to lie here */
	size_t copy_count;
};

void loaded_words_read(struct loaded_words *ret, const struct bytes *bytes);

/* How many pointers are in these bytes? */
size_t loaded_words_count(const struct loaded_words *words, struct extent at);

/* The variable of a library that has its place at @address, or NULL. */
const struct copied *loaded_words_copy(const struct loaded_words *words, uint64_t address);
