/* SPDX-License-Identifier: MIT */
/*
 * observe-variable.h - the parts of a variable, and its entry in what was seen
 */
#pragma once

#include "observe-symbols.h"

/* The part of it that has bit number @bit, or NULL: it is padding. */
const struct field *variable_field(struct variable_seen *variable, uint64_t bit);

/*
 * variable_enter() - which index it has in @seen
 * @program: the path of what is executed
 */
size_t variable_enter(struct variable_seen *variable, struct observed *observed,
	struct seen *seen, const char *program);
