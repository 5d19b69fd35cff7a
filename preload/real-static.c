/* SPDX-License-Identifier: MIT */
/*
 * real-static.c - twin of real.c for libfondue.a: in a static program nothing is hooked
 *
 * There is no next object behind us, and what a static libc does inside is bound already.
 * The hooks are not part of the archive; pthread_atfork() tells of the forks.
 */
#include "real.h"

const struct real *real(void)
{
	static const struct real nothing;

	return &nothing;
}

void doors_start(void)
{
}

/* Weak: older versions of libc do not have them. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

long real_rseq_at(void)
{
	return &__rseq_offset && &__rseq_size && __rseq_size ? __rseq_offset : 0;
}

bool real_is_late(void)
{
	return false;
}
