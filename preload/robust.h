/* SPDX-License-Identifier: MIT */
/*
 * robust.h - FONDUE_ROBUST: mutexes that the family shares are inherited from the dead
 */
#pragma once

#include <pthread.h>

#include "base.h"

/* @mutex has just been initialised with these attributes. Return: is it to be robust? */
bool robust_is_for(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);

/* Who has @mutex, as far as can be told; 0: nobody, or not known. Before it is locked. */
uint32_t robust_owner(pthread_mutex_t *mutex);

/*
 * robust_inherit() - what a call has returned that locks @mutex
 * @owner: as robust_owner() said before
 *
 * EOWNERDEAD of a mutex that the program has not made robust itself: it is made consistent,
 * its owner's death is told, and 0 returned. Anything else is returned as it is.
 */
int robust_inherit(pthread_mutex_t *mutex, uint32_t owner, int result);
