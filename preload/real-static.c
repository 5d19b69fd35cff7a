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

bool real_is_late(void)
{
	return false;
}
