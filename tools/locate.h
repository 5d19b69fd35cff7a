/* SPDX-License-Identifier: MIT */
/*
 * locate.h - where in their code the threads of a snapshot have come to
 */
#pragma once

#include "code.h"
#include "locks.h"
#include "stack.h"

/* What has been found of a snapshot, which has it made and freed. */
struct locator *locator_open(void);
void locator_free(struct locator *locator);

/* Where its owner took @lock. Return: is that known? Strings live as long as @snapshot. */
bool locate_taken(
	const struct snapshot *snapshot, const struct lock *lock, struct code *ret);

/* Where @waiter asks for the lock that it waits for. */
bool locate_asked(
	const struct snapshot *snapshot, const struct thread *waiter, struct code *ret);

/*
 * The stack of a lock's owner, right now: if that waits for a lock, from where it asks for
 * it. Return: NULL with *ret_why; to be freed. That of a thread whose number here is not
 * certain is not looked for.
 */
struct stack *locate_stack(
	const struct snapshot *snapshot, const struct lock *lock, const char **ret_why);
