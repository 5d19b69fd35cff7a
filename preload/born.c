/* SPDX-License-Identifier: MIT */
/*
 * born.c - asking for pages that are wiped at a fork
 */
#include <sys/mman.h>

#include "born.h"

/* What no kernel can have been asked for. */
#define NO_ADVICE 0x7fffffff

bool born_advice_counts(void *page)
{
	return sys_call(SYS_madvise, page, 1, NO_ADVICE) == -EINVAL;
}

void *born_empty(size_t size)
{
	long at = sys_call(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (sys_failed(at))
		return NULL;
	if (born_advice_counts((void *)at) &&
		sys_call(SYS_madvise, at, size, MADV_WIPEONFORK) == 0)
		return (void *)at;
	(void)sys_call(SYS_munmap, at, size);
	return NULL;
}
