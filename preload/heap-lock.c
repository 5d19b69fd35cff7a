/* SPDX-License-Identifier: MIT */
/*
 * heap-lock.c - counting what this thread holds, to tell a handler from what it interrupts
 */
#include "heap-lock.h"
#include "identity.h"
#include "lockword.h"
#include "park.h"

/*
 * How long a handler waits: most sections are shorter than 10 us, and whoever waits in a
 * circle of handlers finds out so soon.
 */
#define MOMENT_NS 1000000

/* Locks that are held or waited for. Handlers leave it as they have found it. */
static __thread volatile unsigned depth __attribute__((tls_model("initial-exec")));
/* The first of them. */
static __thread fondue_spinlock_t *volatile first __attribute__((tls_model("initial-exec")));

static bool take(fondue_spinlock_t *lock, const struct timespec *deadline, bool *ret_inherited)
{
	int result;

	/* in this order: whoever comes between the two finds that he is a handler, and leaves it */
	if (++depth == 1)
		first = lock;
	result = deadline ? fondue_spin_timedlock(lock, deadline) : fondue_spin_lock(lock);
	*ret_inherited = result == EOWNERDEAD;
	if (result == 0 || result == EOWNERDEAD)
		return true;
	depth--;
	return false;
}

static bool take_soon(fondue_spinlock_t *lock, bool *ret_inherited)
{
	uint64_t end = now_ns() + MOMENT_NS;
	struct timespec deadline = { end / 1000000000, end % 1000000000 };

	return take(lock, &deadline, ret_inherited);
}

bool heap_lock(fondue_spinlock_t *lock, bool *ret_inherited)
{
	return depth ? take_soon(lock, ret_inherited) : take(lock, NULL, ret_inherited);
}

/*
 * A child that a handler has forked has a copy of `depth`: the locks are its parent's, who
 * perhaps waits for it, and the one of the units may be among them.
 */
static bool is_ours(const fondue_spinlock_t *lock)
{
	const struct identity *me = identity_mine();

	return lock && identity_is_valid(me) && word_slot(lock_word(lock)) == me->number;
}

bool heap_lock_last(fondue_spinlock_t *lock, bool *ret_inherited)
{
	return depth && !is_ours(first) ? take_soon(lock, ret_inherited) :
					  take(lock, NULL, ret_inherited);
}

void heap_unlock(fondue_spinlock_t *lock)
{
	(void)fondue_spin_unlock(lock);
	depth--;
}
