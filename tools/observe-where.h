/* SPDX-License-Identifier: MIT */
/*
 * observe-where.h - the function and the line that a thread has come to
 */
#pragma once

#include "observe-kin.h"

/*
 * where_is() - "function (file.c:12)", or as much of it as is known
 * @tracee: stopped
 * @behind: its program counter stands behind the instruction that counts
 *
 * In a library that is left out, as libc, it is the function of the program that called.
 */
char *where_is(const struct tracee *tracee, bool behind);
