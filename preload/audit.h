/* SPDX-License-Identifier: MIT */
/*
 * audit.h - a process in which no lock call goes unseen
 *
 * Then annotated objects are given another table of functions, audit_runtime(), and no
 * thread is ever quick, so that the inline fast path comes to it each time. A process that
 * is not audited has none of this: not an instruction of its locks is another.
 */
#pragma once

#include "identity.h"

/* NULL: nothing is audited, in this process. */
extern struct audit *audit;

/* A lock that has been, or is being, released by the thread that took it. */
struct audit_release {
	fondue_spinlock_t *lock;
	uintptr_t taken_pc, released_pc;
	uint64_t since; /* ns, CLOCK_MONOTONIC_COARSE; 0: not timed */
	uint64_t held;	/* ns, of what is to be said */
};

/* Rooms above say what is done with it; each may be NULL. The host's errno stays. */
struct audit_hooks {
	/* Before it waits for it; @held is what it holds. */
	void (*wants)(const struct identity *me, struct held *held,
		const fondue_spinlock_t *lock, uintptr_t pc);
	/* It has it: what time is it? */
	uint64_t (*clock)(void);
	/* Just before and just after: is there anything to say? Then say it. */
	bool (*releases)(struct audit_release *release);
	void (*released)(const struct audit_release *release);
	/* fondue_spin_init(): whatever was there, this is another lock. */
	void (*born)(const fondue_spinlock_t *lock);
	int (*may_nest)(const fondue_spinlock_t *a, const fondue_spinlock_t *b);
};

extern struct audit_hooks audit_hooks;

/*
 * audit_start() - from now on; before any object is annotated
 *
 * Return: the table that objects are to be given instead of @runtime.
 */
const struct fondue_runtime *audit_start(const struct fondue_runtime *runtime);

/* What the family needs for it, if it is started: beside the registry, before the first fork. */
void audit_create(void);
