/* SPDX-License-Identifier: MIT */
/*
 * seen.h - what a waiter has seen of the lock that it wants
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
	uint64_t limit;	     /* ns: longer is too long; 0: it never is */
	uint64_t tell_at;    /* ns: when wait_watch.held is to be called; UINT64_MAX: never */
	bool unbroken;	     /* SLEEP was up from one look to the next */
	bool told;	     /* it has been, for this word */
	bool recorded;	     /* told.c knows of it, and whether it lasts */
};

/*
 * Whoever waits finds out that a lock is held for too long (limit.h): a room above says what
 * is to be done then. Called by the waiter, which may take its time, and owes a wake
 * meanwhile. NULL: nobody wants to know.
 */
struct wait_watch {
	/* The acquisition w->seen lasts. Return: ns, when to call again; UINT64_MAX; 0: no more. */
	uint64_t (*held)(const struct waiter *w);
	/* The acquisition @word was told of, and is over now, @how: a few words. */
	void (*over)(const fondue_spinlock_t *lock, uint32_t word, uint64_t now, const char *how);
	/* The lock, which had a dead owner, has been released. */
	void (*inherited)(const struct inheritance *it);
	/* The program's own, after a report; NULL: it does not care. */
	fondue_hold_callback *_Atomic callback;
	void *callback_arg;
};

extern struct wait_watch wait_watch;

/* For others to read: what it waits for, NULL: nothing; and what it has seen. */
void seen_publish(const struct waiter *w, const void *wants);

/* The lock's word is @word, at w->now: the same acquisition, or another one? */
void seen_observe(struct waiter *w, uint32_t word);

/* Nobody slept until now, so that what was seen before may have been several acquisitions. */
void seen_begin_anew(struct waiter *w);

/* It is time to tell of what is seen. */
void seen_tell(struct waiter *w);

/* It gives up, and the lock's word is @word, at w->now. */
void seen_leave(struct waiter *w, uint32_t word);

/* @w, which takes the lock over, has seen that its owner under @word is dead. */
void seen_dead(struct waiter *w, uint32_t word);

/* It has waited, and has the lock now. */
void seen_end(struct waiter *w);
