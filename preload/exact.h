/* SPDX-License-Identifier: MIT */
/*
 * exact.h - a plan is carried out: variables of one object move into shared memory
 */
#pragma once

#include "modules.h"
#include "plan-file.h"
#include "reach.h"

/*
 * exact_share() - share the variables that @plan names, all or none
 * @module: the object that it was made for; nothing of it may have run, and no other thread may
 * run, nor a signal handler
 * @is_late: others have run, and may have kept the address of what they use of it
 *
 * The variables are copied into MAP_SHARED pages not far away, and every reference changes by
 * the distance, ret->delta. The old pages stay private, and nothing refers to the bytes there.
 * All protections are as before afterwards.
 * Return: false with *ret_refusal set, and everything as before.
 */
struct exact {
	struct span span;
	intptr_t delta; /* from the old place to the new one */
};
bool exact_share(const struct plan *plan, const struct module *module, bool is_late,
	struct exact *ret, struct plan_refusal *ret_refusal);
