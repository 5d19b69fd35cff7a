/* SPDX-License-Identifier: MIT */
/*
 * plan-calls.h - what a function of a library does with the addresses it is given
 */
#pragma once

#include "plan-roots.h"
#include "plan-state.h"

#define ARGUMENTS 6
extern const int argument_registers[ARGUMENTS];

/* The library's function that a call of @address, in a PLT, ends in; or NULL. */
const char *calls_through_plt(const struct places *places, uint64_t address);

/* Does it never come back? */
bool calls_never_return(const char *name);
/* As setjmp() does. */
bool calls_return_twice(const char *name);

/*
 * calls_outside() - the arguments in @state are passed to @name at @at
 * @name: NULL: not known
 *
 * Return: what comes back.
 */
struct value calls_outside(const struct state *state, const char *name, uint64_t at);
