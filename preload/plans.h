/* SPDX-License-Identifier: MIT */
/*
 * plans.h - the plans that FONDUE_PLAN names
 */
#pragma once

#include "base.h"

/*
 * plans_apply() - carry out each plan whose object is loaded
 * @why_not: not NULL: none is to be carried out, for this reason
 *
 * To be called at start, before anything of the program has run. Says what is shared
 * (FONDUE_VERBOSE) and what is not, and why. Return: how many were refused.
 */
unsigned plans_apply(const char *why_not);
