/* SPDX-License-Identifier: MIT */
/*
 * show-locks.h - a snapshot of the locks, for people and for machines
 */
#pragma once

#include "locate.h"
#include "locks.h"
#include "stack.h"
#include "whereabouts.h"

/* @stacks: of the owners, too */
void show_locks_text(const struct snapshot *snapshot, bool stacks);
void show_locks_json(const struct snapshot *snapshot, bool stacks);

/*
 * The stack of a lock's owner, right now. Return: NULL with *ret_why; to be freed. That of
 * a thread whose number here is not certain is not looked for.
 */
struct stack *lock_owner_stack(
	const struct snapshot *snapshot, const struct lock *lock, const char **ret_why);

/* What is known of a lock's address; @mapping is what it lies in, never NULL. */
struct whereabouts lock_whereabouts(const struct lock *lock, const struct mapping **mapping);
