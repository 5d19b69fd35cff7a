/* SPDX-License-Identifier: MIT */
/*
 * plan-flow.h - where the addresses of variables go
 */
#pragma once

#include "plan-roots.h"

/*
 * flow_follow() - follow every root that is of interest, and note what is done with it
 *
 * Afterwards each root's uses, links and evidence are known, or USE_NOT_SEEN is set.
 */
void flow_follow(struct places *places);
