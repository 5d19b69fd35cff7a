/* SPDX-License-Identifier: MIT */
/*
 * show-locks.h - a snapshot of the locks, for people and for machines
 */
#pragma once

#include "locate.h"
#include "locks.h"
#include "whereabouts.h"

/* @stacks: of the owners, too */
void show_locks_text(const struct snapshot *snapshot, bool stacks);
void show_locks_json(const struct snapshot *snapshot, bool stacks);

/* What is known of a lock's address; @mapping is what it lies in, never NULL. */
struct whereabouts lock_whereabouts(const struct lock *lock, const struct mapping **mapping);
