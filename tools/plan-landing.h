/* SPDX-License-Identifier: MIT */
/* plan-landing.h - where exceptions land; see plan-landing.c */
#pragma once

#include "plan-roots.h"

/* All of the object's tables, into places->landings. What is not understood is refused. */
void landings_read(struct places *places);

/* Where an exception lands that comes out of the instruction at @at, or 0. */
uint64_t landings_of(const struct places *places, uint64_t at);
