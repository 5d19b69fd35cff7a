/* SPDX-License-Identifier: MIT */
/*
 * plan-owner.h - whose an address is
 */
#pragma once

#include "plan-roots.h"

/* Set the owner of every root that is of a shared variable; refuse what is not proved. */
void owner_decide(struct places *places);
