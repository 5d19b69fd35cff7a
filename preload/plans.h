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

/*
 * plans_object_arrives() - an object is about to run for the first time
 * @code: an address in it
 *
 * Whose plan is there: it is carried out, unless the process has forked. Of no cost where
 * FONDUE_PLAN names no object that is still to come.
 */
void plans_object_arrives(uintptr_t code);

/* Objects that came by another way are told of, for now it is too late. */
void plans_before_fork(void);
