/* SPDX-License-Identifier: MIT */
/*
 * plan-sweep.h - every instruction of an object, and those that name what is shared
 */
#pragma once

#include "plan-roots.h"

/* Find them; refuse bytes that may be such an instruction and are not known to be none. */
void sweep(struct places *places);
