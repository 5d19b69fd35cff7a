/* SPDX-License-Identifier: MIT */
/*
 * moved.h - variables that have another place since a plan was carried out
 */
#pragma once

#include "plan-file.h"

struct moved;

/* What to remember, before it is so. Return: NULL: there is no memory. */
struct moved *moved_prepare(const struct plan *plan, uintptr_t base, intptr_t delta);
void moved_abandon(struct moved *moved);

/* It is so. */
void moved_remember(struct moved *moved);

/* Where @address lies now, and where it has always been if it is in none of them. */
uintptr_t moved_place(uintptr_t address);

/*
 * The other way round: where what lies at @address now would lie without any plan
 *
 * *ret_name, if it is in one of the variables, is that one's name, and else NULL; *ret_offset, how
 * far in it is.
 */
uintptr_t moved_origin(uintptr_t address, const char **ret_name, size_t *ret_offset);

/* The object that was at @base, and moved as far, is no more. */
void moved_forget(uintptr_t base, intptr_t delta);
