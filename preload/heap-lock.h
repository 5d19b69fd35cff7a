/* SPDX-License-Identifier: MIT */
/*
 * heap-lock.h - the heap's own locks are the ones that it is made beside
 *
 * They survive their owners, and whoever takes one over is told so, and mends what it protects.
 *
 * A signal handler may interrupt a thread that holds one, and allocate itself. If it waited for
 * another one it could wait for ever: its holder may have been interrupted, too, by a handler
 * that waits for the first. So whoever comes with a lock held in his thread waits for a moment
 * only, and does without then. That is, but for struct heap's `lock`, the last in the order:
 * who holds it waits for none, and handlers that interrupt him for none but a moment. And but for
 * a child that a handler forks: what its thread held is its parent's, who may wait for it.
 */
#pragma once

#include "heap-layout.h"

/*
 * heap_lock(), heap_lock_last() - take one of a class or of the owners; that of the units
 * @ret_inherited: its owner has died, and what it protects is to be mended
 *
 * Return: false: not now; this is a signal handler.
 */
bool heap_lock(fondue_spinlock_t *lock, bool *ret_inherited);
bool heap_lock_last(fondue_spinlock_t *lock, bool *ret_inherited);
void heap_unlock(fondue_spinlock_t *lock);
