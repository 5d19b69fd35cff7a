/* SPDX-License-Identifier: MIT */
/*
 * paged.h - a plan of pages is carried out: they become shared where they are
 */
#pragma once

#include "modules.h"
#include "plan-file.h"

/*
 * paged_share() - share the pages that @plan names, all or none
 * @module: the object that it was made for; nothing of it may have run, and no other thread may
 * use it, nor a signal handler
 *
 * Pages that are shared already, by another plan, are passed over.
 * Return: false with *ret_refusal set, and everything as before.
 */
bool paged_share(const struct plan *plan, const struct module *module,
	struct plan_refusal *ret_refusal);
