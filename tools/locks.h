/* SPDX-License-Identifier: MIT */
/*
 * locks.h - the locks of a running family, as they were at one moment
 */
#pragma once

#include <time.h>

#include "maps.h"
#include "member.h"

/* Somebody's memory: what an address of his means. */
struct view {
	pid_t pid;
	pid_t tid; /* by which it is read */
	struct maps maps;
};

/* What makes two addresses one lock: memory that is shared, and the place in it. */
struct key {
	uint64_t device; /* KEY_PRIVATE: then the process, and the address */
	uint64_t inode;
	uint64_t offset;
};
#define KEY_PRIVATE UINT64_MAX

enum lock_state {
	LOCK_FREE,
	LOCK_HELD,
	LOCK_DEAD,     /* whoever holds it is dead: the next is told EOWNERDEAD */
	LOCK_RESERVED, /* free, but only for a waiter that was woken */
	LOCK_CHANGING, /* at each look it was somebody else's */
};

struct lock {
	struct key key;
	const struct view *view; /* in which @address is its address */
	uint64_t address;
	enum lock_state state;
	uint32_t word;
	uint32_t owner;		/* number of a slot, SLOT_ANONYMOUS, or 0 */
	struct thread thread;	/* the owner, unless that is anonymous */
	uint64_t taken_at;	/* code of the owner that took it; 0: not known */
	uint64_t held_since;	/* at least; 0: nobody has seen */
	struct thread *waiters; /* who waits longest first */
	size_t waiter_count;
	size_t next;   /* the lock that its owner waits for; LOCK_NONE */
	bool is_stuck; /* part of a deadlock */
};
#define LOCK_NONE SIZE_MAX

/* A thread holds more locks than its slot has room to name, and nobody waits for these. */
struct unnamed {
	struct thread thread;
	uint32_t count;
};

struct snapshot {
	const struct family *family;
	struct timespec at; /* CLOCK_REALTIME */
	uint64_t now;	    /* ns, CLOCK_MONOTONIC; 0: that of the family is another */
	struct thread *threads; /* by the number of their slots, below @used */
	uint32_t used;
	uint32_t living; /* of them */
	struct lock *locks;
	size_t count;
	struct unnamed *unnamed;
	size_t unnamed_count;
	struct census *census;
	struct views *views;
	struct locator *locator; /* see locate.h */
};

/*
 * locks_look() - take a snapshot; the most important first
 *
 * Return: could the registry be read? Else nothing is to be freed.
 */
bool locks_look(struct snapshot *snapshot, const struct family *family);
void locks_free(struct snapshot *snapshot);
