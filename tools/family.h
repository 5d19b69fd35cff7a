/* SPDX-License-Identifier: MIT */
/*
 * family.h - a running fork family, as its registry tells of it, read from outside
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../preload/layout.h"
#include "process.h"

struct family {
	struct process process; /* the member that was asked for */
	uint64_t at;		/* where the registry is, in every member */
	uint32_t life;		/* which int of a slot's life is its futex */
	bool has_our_clock;	/* CLOCK_MONOTONIC, which all times are by */
};

/*
 * family_find() - the family of @pid
 *
 * Return: NULL; else why it cannot be looked at, and what to do. To be freed.
 */
char *family_find(struct family *family, pid_t pid);

/* Slots below this number have been somebody's; 0: it cannot be read any more. */
uint32_t family_used(const struct family *family);

enum life {
	LIFE_NEVER, /* nobody has it */
	LIFE_GOES_ON,
	LIFE_OVER,
};

/* Of the locks that a slot names the first is its holder's, the others are nested in that. */
#define HOLDS (1 + NESTED_MAX)

struct hold {
	uint64_t lock; /* that it holds, is about to take or has just released; 0: none */
	uint64_t pc;   /* where it was taken, as in struct fondue_site; 0: not known */
};

/* What a slot tells of its thread, as it was at one instant. Times in ns, CLOCK_MONOTONIC. */
struct thread {
	uint32_t number; /* of the slot */
	enum life life;
	uint32_t incarnation; /* of the slot: tells threads apart that had it */
	pid_t pid;	      /* as it numbers itself, in its pid namespace */
	pid_t tid;
	uint64_t namespace; /* inode of that; 0: not known */
	struct hold holds[HOLDS];
	uint32_t more;	    /* so many it holds besides the first, named here or not */
	uint64_t wants;	    /* the lock that it waits for; 0: none, or it changed all the time */
	uint64_t wants_since;
	struct fondue_site wants_site; /* where it asks for that lock */
	uint32_t seen; /* the word of that lock, so since at least: */
	uint64_t seen_since;
};

/* Return: could it be read? */
bool family_thread(const struct family *family, uint32_t number, struct thread *ret);

/* Those of all slots below @used, by number. Return: NULL, or to be freed. */
struct thread *family_threads(const struct family *family, uint32_t used);

/* Where it took the lock that is at @lock for it; 0: that is not known. */
uint64_t thread_took_at(const struct thread *thread, uint64_t lock);

/* Is it the same, in the same life? */
bool thread_is_same(const struct thread *a, const struct thread *b);
/* ... that has waited for one lock since before? */
bool thread_waits_on(const struct thread *before, const struct thread *now);
