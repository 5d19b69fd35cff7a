/* SPDX-License-Identifier: MIT */
/*
 * hook-init.c - an object says that it is about to run
 *
 * The start files that a compiler links to every program and library (crti.o) begin its first
 * function, _init(), with a call of __gmon_start__(), if there is one: the door by which a
 * profiled program starts its profiler. So there is one, and every object comes by before any
 * constructor of its own runs, with all its relocations done: by dlopen(), too, which need not
 * be hooked for it. A program that is profiled has its own, and then only that is called.
 */
#include "base.h"
#include "lifecycle.h"

void __gmon_start__(void);
FONDUE_EXPORT __attribute__((weak)) void __gmon_start__(void)
{
	lifecycle_object_arrives((uintptr_t)__builtin_return_address(0));
}
