/* SPDX-License-Identifier: MIT */
/*
 * plan-run.h - one function is gone through, and those that it calls
 */
#pragma once

#include "plan-visits.h"

struct flow {
	struct places *places;
	int64_t steps_left; /* for all of it */
	struct visits visits;
	uint8_t *heads; /* a byte for each of the code: paths meet there */
};

void run_begin(struct flow *flow, struct places *places);

/*
 * run_function() - from @entry, with nothing known of its arguments
 * @first, @end: the roots in it
 *
 * Those that are not reached are started from; see there.
 */
void run_function(struct flow *flow, uint64_t entry, size_t first, size_t end);
