/* SPDX-License-Identifier: MIT */
/*
 * born.h - memory that is empty in every new process
 *
 * A child inherits what its parent's threads had half done: a lock that another thread
 * holds, an identity that is the parent's. The kernel can wipe pages at a fork instead
 * (MADV_WIPEONFORK, Linux 4.14): the child finds zeros, whoever made it and by whatever
 * system call, and no code of ours need run in it. Since such pages are not copied, the
 * parent pays no fault for writing to them afterwards either, which is most of what a
 * hook around fork() would cost.
 */
#pragma once

#include "base.h"

/* Does the kernel do what madvise() asks for? An emulator may grant whatever it is, and do nothing. */
bool born_advice_counts(void *page);

/*
 * born_empty() - @size bytes, at most a page, all zero now and in every child
 *
 * Never given back. Return: NULL when the kernel or a sandbox refuses.
 */
void *born_empty(size_t size);
