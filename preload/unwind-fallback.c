/* SPDX-License-Identifier: MIT */
/*
 * unwind-fallback.c - unwinding where there is no libunwind to build with
 *
 * The twin of unwind.c, for the C libraries and machines that have none, and for static
 * programs, into which nothing should be loaded.
 */
#include "chain.h"
#include "unwind.h"

int unwind_start(const char *library)
{
	(void)library;
	return -ENOSYS;
}

unsigned unwind_steps(const struct snapshot *snapshot, const struct registers *from,
	struct target *target, struct binaries *binaries, struct unwind_work *work,
	struct step *steps, unsigned max, enum unwind_end *ret_end,
	const struct binary **ret_where)
{
	(void)binaries;
	(void)work;
	*ret_end = UNWIND_NO_UNWINDER;
	*ret_where = NULL;
	return chain_steps(snapshot, from, target, steps, max);
}
