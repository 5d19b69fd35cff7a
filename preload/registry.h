/* SPDX-License-Identifier: MIT */
/*
 * registry.h - slots for the threads of the family, and who of them is alive
 */
#pragma once

#include "layout.h"

/* NULL: this process has none, and its locks are its own. */
extern struct registry *registry;

/* Map it, once; before the first fork. Return: is there one? */
bool registry_create(void);

/*
 * registry_claim() - a slot for the calling thread, with its life locked until it ends
 *
 * All signals must be blocked. Return: its number, or SLOT_ANONYMOUS when all are taken or
 * the kernel has no robust mutexes.
 */
uint32_t registry_claim(void);

/* The word of the slot's life that the kernel marks, to sleep on. */
_Atomic uint32_t *registry_life(uint32_t number);

/* FUTEX_OWNER_DIED is set in it; <linux/futex.h>, which musl's compiler does not find */
#define LIFE_ENDED   0x40000000U
#define LIFE_OWNER   0x3fffffffU
#define LIFE_WATCHED 0x80000000U /* FUTEX_WAITERS: without it the kernel marks, but wakes nobody */

bool registry_is_dead(uint32_t number);

/* @lock, which named the dead @number, has been taken over by the caller. */
void registry_inherited(uint32_t number, const fondue_spinlock_t *lock);

/* Where slot @number took @lock, if it names it still; all 0: that is not known. */
struct fondue_site registry_site(uint32_t number, uintptr_t lock);
