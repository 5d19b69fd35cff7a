/* SPDX-License-Identifier: MIT */
/*
 * locate.h - where in their code the threads of a snapshot have come to
 */
#pragma once

#include "code.h"
#include "locks.h"

/* What has been found of a snapshot, which has it made and freed. */
struct locator *locator_open(void);
void locator_free(struct locator *locator);

/* Where its owner took @lock. Return: is that known? Strings live as long as @snapshot. */
bool locate_taken(
	const struct snapshot *snapshot, const struct lock *lock, struct code *ret);

/* Where @waiter asks for the lock that it waits for. */
bool locate_asked(
	const struct snapshot *snapshot, const struct thread *waiter, struct code *ret);
