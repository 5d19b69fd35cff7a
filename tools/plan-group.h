/* SPDX-License-Identifier: MIT */
/*
 * plan-group.h - addresses that are compared with one another
 */
#pragma once

#include "plan-side.h"

#define GROUP_MAX 128

struct group {
	unsigned roots[GROUP_MAX];
	unsigned count;
	bool is_whole; /* nothing was left out */
};

/* @only_strong: that are ordered, or bound a loop */
void group_gather(const struct places *places, const struct root *root, bool only_strong,
	struct group *ret);

/* What has been touched through any of them. */
enum side group_shown(const struct places *places, const struct group *group);

/* Could each member be an address of that side, or has shown that it is? */
bool group_agrees(const struct places *places, const struct group *group, enum side side);

/* The side of the variable that every member is an address of, if it can be no other. */
enum side group_common(const struct places *places, const struct group *group);

/* Is nothing of the other side near to any of them? */
bool group_is_all(const struct places *places, const struct group *group, enum side side);

/*
 * group_is_pure() - are they only compared with one another, and equal?
 *
 * As crtstuff.c does with a label. They stay what they are, and so do the comparisons.
 */
bool group_is_pure(const struct places *places, const struct group *group);
