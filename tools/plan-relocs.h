/* SPDX-License-Identifier: MIT */
/*
 * plan-relocs.h - what the loader writes into an object
 */
#pragma once

#include "plan-roots.h"

/* Fill in pointers and imports; what cannot be understood is refused. */
void relocs_read(struct places *places);

/* Once the code is known: those that point to variables become roots, behind the code's. */
void relocs_make_roots(struct places *places);
