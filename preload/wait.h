/* SPDX-License-Identifier: MIT */
/*
 * wait.h - waiting for a lock; the reasons are in spinlock.c
 */
#pragma once

#include "identity.h"
#include "lockword.h"

/* Somebody who wants a lock; under identity_owe(). */
struct waiter {
	fondue_spinlock_t *lock;
	struct identity *me;
	bool nested;   /* the thread holds another one, or is about to */
	struct fondue_site site; /* where it asks for it */
	uint32_t word; /* what it wants to store */
	void *owed;    /* in the thread's list_op_pending before */
	struct turn *turn;
	uint64_t now;	  /* ns, since the beginning of this round */
	bool woken, late; /* how the last sleep ended */
	bool landed;	  /* took a reservation: its flight is over */
	bool owes_none;	  /* ... but another's still counts on FLIGHT */
	bool blind;	  /* it had no barrier, and may miss a release */
	/* Who holds it, as far as this waiter has seen. */
	uint32_t seen;	     /* the word; 0: nobody yet */
	uint64_t seen_since; /* ns: the same acquisition since then, or longer */
	uint64_t tell_at;    /* ns: when wait_watch.held is to be called; UINT64_MAX: never */
	bool unbroken;	     /* SLEEP was up from one look to the next */
	bool told;	     /* it has been, for this word */
};

/*
 * Whoever waits finds out that a lock is held for too long: a room above says what is to be
 * done then. Called by the waiter, which may take its time, and owes a wake meanwhile.
 */
struct wait_watch {
	uint64_t limit_ns; /* 0: it is never too long */
	/* The acquisition w->seen lasts. Return: ns, when to call again, or UINT64_MAX. */
	uint64_t (*held)(const struct waiter *w);
	/* The acquisition @word was told of, and is over now, @how: a few words. */
	void (*over)(const fondue_spinlock_t *lock, uint32_t word, uint64_t now, const char *how);
	/* What was told of @word is of no interest any more: its next one is another acquisition. */
	void (*anew)(uint32_t word);
	/* @lock, which had a dead owner, has been released: me->inherited_pid. */
	void (*inherited)(const struct identity *me, const fondue_spinlock_t *lock);
};

extern struct wait_watch wait_watch;

/* Without waiting. Return: 0, EOWNERDEAD, or EBUSY. */
int wait_try(struct waiter *w);

/* For as long as that is cheaper than falling asleep. Return: as wait_try(). */
int wait_awake(struct waiter *w);

/*
 * wait_briefly() - the same, without being a waiter yet
 *
 * For a thread that is idle: so it is no longer on its way to the critical section, nor out
 * of it, than it must. Return: has it got the lock? *ret_spun: it has spun.
 */
bool wait_briefly(struct identity *me, fondue_spinlock_t *lock, bool *ret_spun);

/* As long as it takes, or until @deadline (ns, CLOCK_MONOTONIC): ETIMEDOUT. */
int wait_for(struct waiter *w, uint64_t deadline);
