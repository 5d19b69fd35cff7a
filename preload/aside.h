/* SPDX-License-Identifier: MIT */
/*
 * aside.h - calling a function on a stack of its own
 *
 * A report is made by a thread of the program that happens to wait, and its stack may be as
 * small as 16 KiB, of which the program has used what it liked. What we need for an
 * unwinder and for names must not make it overflow.
 */
#pragma once

#include "base.h"

#if defined(__x86_64__) || defined(__aarch64__)
/* Call @function(@arg) with the stack pointer at @top, which is aligned to 16. */
void aside_call(void (*function)(void *), void *arg, void *top);
#else
static inline void aside_call(void (*function)(void *), void *arg, void *top)
{
	(void)top;
	function(arg);
}
#endif
