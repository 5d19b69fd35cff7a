/* SPDX-License-Identifier: MIT */
/*
 * peek.h - reading memory of one's own that may not be there
 *
 * Async-signal-safe, on some hundred bytes of stack.
 */
#pragma once

#include "base.h"

/*
 * peek() - copy what is at @from, as far as it can be read, through the kernel
 *
 * Return: how many bytes at its start; or negative: -EFAULT, and -EPERM, -ENOSYS in a sandbox.
 */
long peek(uintptr_t from, void *bytes, size_t size);

/*
 * peek_stack() - the same, of the stack of the calling thread, in any sandbox
 *
 * Nobody unmaps that meanwhile: so if the kernel must not copy, it is asked for each page
 * whether it is there, and the page is read in place.
 */
long peek_stack(uintptr_t from, void *bytes, size_t size);
