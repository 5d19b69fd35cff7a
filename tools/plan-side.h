/* SPDX-License-Identifier: MIT */
/*
 * plan-side.h - the two sides: what will be shared, and what stays private
 */
#pragma once

#include "plan-roots.h"

enum side { SIDE_NONE, SIDE_SHARED, SIDE_PRIVATE, SIDE_BOTH };

static inline enum side side_of(const struct datum *datum)
{
	return !datum ? SIDE_NONE : datum->is_chosen ? SIDE_SHARED : SIDE_PRIVATE;
}

static inline enum side other_side(enum side side)
{
	return side == SIDE_SHARED ? SIDE_PRIVATE : SIDE_SHARED;
}

static inline enum side both(enum side a, enum side b)
{
	return (enum side)(a | b);
}

/* The variable that a byte at @address is of, or that ends just there; or NULL. */
const struct datum *side_here(const struct places *places, uint64_t address);
const struct datum *side_ending(const struct places *places, uint64_t address);

/* What has been touched through it, or is named by a symbol. */
enum side side_shown(const struct places *places, const struct root *root);

/* The sides of which it is an address: of a byte, or of the end. */
enum side side_plausible(const struct places *places, uint64_t address);

/* The variable of @side that it points into, or to the end of, or is nearest to. */
const struct datum *side_owner(
	const struct places *places, uint64_t address, enum side side);

/* Is anything of @side within so many bytes of it? */
bool side_is_near(
	const struct places *places, uint64_t address, enum side side, uint64_t distance);

/*
 * side_rival() - a variable of another side than @side that @root could be an address of
 *
 * By how it is used: in so far as a compiler, or a person, forms addresses outside of a
 * variable for such a use.
 */
const struct datum *side_rival(
	const struct places *places, const struct root *root, enum side side);
