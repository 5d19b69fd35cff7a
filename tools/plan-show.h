/* SPDX-License-Identifier: MIT */
/*
 * plan-show.h - a plan for people and for machines
 */
#pragma once

#include "plan-result.h"

/* To standard output: the variables; with @explain each reference and why it is theirs. */
void show_plan_text(const struct result *result, bool explain);
void show_plan_json(const struct result *result, const char *path);
/* The refusals, as complaints. */
void show_plan_refusals(const struct places *places);
