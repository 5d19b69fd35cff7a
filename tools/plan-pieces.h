/* SPDX-License-Identifier: MIT */
/*
 * plan-pieces.h - which bytes of the executable sections are instructions
 */
#pragma once

#include "plan-decode.h"
#include "plan-roots.h"

/* A stretch of code: a function, or what lies between two. */
struct piece {
	struct extent at;
	struct function *function; /* or NULL */
	bool is_certain;
};

struct pieces {
	struct places *places;
	struct piece *list; /* by address */
	size_t count;
	uint64_t *entries; /* where code is entered that is not certain; a stack */
	size_t entry_count;
};

/* pieces_decode() - set places->starts */
void pieces_decode(struct pieces *pieces, struct places *places);

struct piece *piece_at(const struct pieces *pieces, uint64_t at);
