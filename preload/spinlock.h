/* SPDX-License-Identifier: MIT */
/*
 * spinlock.h - the part of the lock that is not inline
 */
#pragma once

#include "identity.h"

extern const struct fondue_spin_calls spin_calls;

/* As the doors of the same names, for doors that know where they were called. */
int spinlock_take(fondue_spinlock_t *lock, const struct timespec *deadline,
	const struct fondue_site *site);
int spinlock_try(fondue_spinlock_t *lock, const struct fondue_site *site);

/*
 * A room above is told of a thread that asks for a lock at @pc which it holds: certainly, not
 * because a signal handler has interrupted it on its way there. NULL: nobody cares.
 */
extern void (*spinlock_asked_again)(
	const struct identity *me, const fondue_spinlock_t *lock, uintptr_t pc);

/* Of a door that is about to return EDEADLK: tell it, if it is certain. */
void spinlock_tell_again(const fondue_spinlock_t *lock, const struct fondue_site *site);

/*
 * Where a door was called. Who asks for its frame has one: there is the caller's frame pointer,
 * then the return address, then the caller's stack.
 */
static inline __attribute__((always_inline)) struct fondue_site spinlock_site(void)
{
	struct fondue_site site = { .pc = (uintptr_t)__builtin_return_address(0) };
	const uintptr_t *frame = __builtin_frame_address(0);

#if defined(__x86_64__) && defined(__LP64__)
	site.fp = frame[0];
	site.sp = (uintptr_t)&frame[2];
#else
	(void)frame;
#endif
	return site;
}
