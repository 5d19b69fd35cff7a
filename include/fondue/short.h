/* SPDX-License-Identifier: MIT */
/*
 * fondue/short.h - the keyword `shared`, for programs that want it
 *
 *	#include <stdio.h>
 *	#include <fondue/short.h>
 *	shared int hits;
 *
 * Must be the last header included: hundreds of system headers use the word `shared` for
 * something of their own, and it is a macro from here on. Where it cannot be used (local
 * variables, parameters, members, typedefs) the compiler says so. `shared int f(void)`
 * is the one trap without a message: the code of a function does not belong there.
 */
#ifndef FONDUE_SHORT_H
#define FONDUE_SHORT_H

#include <fondue/shared.h>

#define shared FONDUE_SHARED

#endif
