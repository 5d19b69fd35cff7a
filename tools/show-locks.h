/* SPDX-License-Identifier: MIT */
/*
 * show-locks.h - a snapshot of the locks, for people and for machines
 */
#pragma once

#include "locks.h"
#include "whereabouts.h"

void show_locks_text(const struct snapshot *snapshot);
void show_locks_json(const struct snapshot *snapshot);

/* What is known of a lock's address; @mapping is what it lies in, never NULL. */
struct whereabouts lock_whereabouts(const struct lock *lock, const struct mapping **mapping);
