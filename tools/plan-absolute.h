/* SPDX-License-Identifier: MIT */
/* plan-absolute.h - addresses that are written as numbers; see plan-absolute.c */
#pragma once

#include "plan-decode.h"
#include "plan-roots.h"

/* What an instruction names by its absolute address. */
void absolute_collect(struct places *places, const struct insn *insn);

/* Words of data that are the address of something shared, or as large as one. */
void absolute_read_words(struct places *places);

/* May the four bytes @value be the address of something shared, or of its end? */
bool absolute_is_shared(const struct places *places, int32_t value);

/* Are the four bytes at @at one of the constants that absolute_collect() looks at? */
bool absolute_is_field(const struct insn *insn, uint64_t at);
