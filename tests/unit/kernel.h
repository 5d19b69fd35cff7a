/* SPDX-License-Identifier: MIT */
/*
 * kernel.h - a kernel that refuses, counts and shows what it is asked
 *
 * Whatever the runtime asks of the kernel goes through one function, syscall(), and these
 * tests are linked with --wrap=syscall: so every call of the core comes by here, and no
 * call of libc; of a test only those that it makes by syscall() itself. Other than a seccomp filter this works in an emulator and
 * under a sanitizer, sees whole arguments, and can fail after half of the work is done.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

/* All calls @number fail with @error from now on. */
void kernel_refuse(long number, int error);

/* Those whose argument @index (0 to 5) is @value fail. */
void kernel_refuse_where(long number, unsigned index, uint64_t value, int error);

/* Before each call @number, which is not yet judged, @see is shown its six arguments. */
void kernel_watch(long number, void (*see)(const long *args));

/* Calls so far: of this number, of all. */
unsigned kernel_calls(long number);
unsigned kernel_all_calls(void);

/* Refuse nothing, watch nothing, count from 0. */
void kernel_reset(void);
