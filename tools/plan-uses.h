/* SPDX-License-Identifier: MIT */
/*
 * plan-uses.h - what the flow of addresses tells of the roots
 */
#pragma once

#include "plan-roots.h"
#include "plan-value.h"

/* Before anything else; there is one object at a time. */
void uses_of(struct places *places);

/*
 * uses_record() - from now on, note what is done, too
 *
 * What is touched is noted always: each of the states that a loop goes through is one that
 * it has. What is done with an address is noted only of states that hold for all of them.
 */
void uses_record(bool on);
bool uses_are_recorded(void);

void use(struct value value, unsigned how);
void use_escapes(struct value value);

/* @width bytes at @value are loaded or stored; @step: by how much an index counts. */
void use_touches(struct value value, uint64_t width, unsigned step, uint64_t at);

/* @is_strong: it is about order, or decides whether a loop goes on. */
void use_compares(struct value a, struct value b, bool is_strong);

/* The address of an exact pointer. */
uint64_t use_address(struct value value);
