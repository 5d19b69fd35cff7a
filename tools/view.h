/* SPDX-License-Identifier: MIT */
/*
 * view.h - the address spaces of the members, read when they are needed, each once
 */
#pragma once

#include "locks.h"

struct views *views_open(const struct family *family);
void views_free(struct views *views);

/* How @member sees its memory; if that cannot be had, as the one who was asked for does. */
const struct view *views_of(struct views *views, const struct member *member);
/* ... as the one who was asked for. */
const struct view *views_own(struct views *views);

/* What @address is in @view; return false if nothing is there. */
bool view_key(const struct view *view, uint64_t address, struct key *ret);

/* The same of code: where it is in its file; return false if it is in none. */
bool view_code_key(const struct view *view, uint64_t address, struct key *ret);

/* The half of a lock that says who holds it; return false if it cannot be read. */
bool view_read_word(const struct view *view, uint64_t address, uint32_t *ret);

int key_compare(const struct key *a, const struct key *b);
