/* SPDX-License-Identifier: MIT */
/*
 * remark.h - what is said of locks: in memory that is not a small stack, and how it is named
 */
#pragma once

#include "log.h"

/* NULL: no memory; then it is not said. */
struct log_text *remark_begin(void);
/* Say it, and give the memory back. */
void remark_end(struct log_text *text);

void remark_add_lock(struct log_text *text, uintptr_t lock);
/* A return address, "an unknown place" for 0. */
void remark_add_place(struct log_text *text, uintptr_t pc);
