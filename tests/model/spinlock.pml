/* SPDX-License-Identifier: MIT */
/*
 * spinlock.pml - the lock of eight bytes, under kill -9
 *
 * A lock between processes has two enemies. One is the processor, which lets an unlock's
 * load of `wait` overtake its store to `word`; the other is SIGKILL, which may fall between
 * any two instructions. What must hold against both is little: one thread inside at a time,
 * EOWNERDEAD exactly when an owner has died inside, and nobody asleep whom nobody will wake.
 * But the interleavings are many millions; Spin goes through all of them. Read
 * preload/spinlock.c first; what is done here has its names there.
 *
 * A proctype is a thread with its slot. Every atomic {} is one step of it: a load, a store,
 * a locked instruction, or a region of the kernel under one lock. It opens with S(), where
 * the thread may be killed; then it walks through the kernel's exit: its store buffer
 * drains, it leaves its queues (a wake that hit it is lost with it), its life is marked,
 * one sleeper of that is woken if FUTEX_WAITERS was set, and for list_op_pending one
 * sleeper of `wait`. What depends on time is a free choice: how long anybody spins, whether
 * the turn is over, a flight overdue, a reservation stale, a deadline past.
 *
 *	word	0 free; 1..N the owner's slot; 16 RESERVED, with PAIR, TWO and its number
 *	wait	SLEEP, FLIGHT
 *
 * Not wanted: a failed assert(), and an invalid end state, where somebody sleeps and nobody
 * can move. Threads stop after any of their K calls, so nobody is saved by a later one.
 * Without a backstop: that it hides for 50 ms what was lost is no proof that nothing is.
 * `run` knows the configurations, and the mutations: M_* takes one step out, and
 * the model must fail.
 */
#ifndef N
#define N 2 /* threads: 2 or 3 */
#endif
#ifndef K
#define K 2 /* calls of each, or fewer */
#endif
#ifndef KILLS
#define KILLS 1 /* all threads are alike: the victims may as well be the first */
#endif
#ifndef TIMED
#define TIMED 0 /* 1: a lock may be a timed one */
#endif
#ifndef TRY
#define TRY 0 /* 1: or a trylock */
#endif
#ifndef RESERVE
#define RESERVE 1 /* 0: no turn ends */
#endif
#ifndef STALE
#define STALE 1 /* 0: no reservation is stale */
#endif
#ifndef OVERDUE
#define OVERDUE 1 /* 0: no flight is overdue */
#endif
#ifndef BARRIER
#define BARRIER 1 /* 0: no membarrier(2); every unlock is a full barrier, and a call */
#endif
#ifndef BACKSTOP
/*
 * When does the backstop end a sleep? 0: never; 1: when nothing else can move; 2: at any
 * time; 3: as 1, after a death that is known to need it, see `excused`
 */
#define BACKSTOP 3
#endif
#ifndef TSO
#define TSO 1 /* 0: no store buffers */
#endif
#ifndef NAPS
#define NAPS 0 /* so many sleeps at a reserved lock, or without a barrier, end early */
#endif
#ifndef COUNT
#define COUNT 1 /* mask of a reservation's number: 0, 1 or 3 */
#endif

#define SLEEP  1
#define FLIGHT 2
#define SLOT(w)     ((w) & 3)
#define RESERVED(w) ((w) & 16)
#define PAIR 32
#define TWO  64
#define ENDED   1 /* FUTEX_OWNER_DIED */
#define WATCHED 2 /* FUTEX_WAITERS */

byte word, wait;    /* the lock, as memory holds it */
byte buffered;	    /* whose `word = 0` is in his store buffer yet: there is never a second */
byte life[N + 1];
bit pending[N + 1]; /* list_op_pending is &wait */
byte sequence;	    /* of reservations */

/* The kernel: who is queued on `wait`, on whose life; the last index that was woken, + 1. */
bit on_wait[N + 1];
byte on_life[N + 1], hit[N + 1];

byte kills = KILLS, naps = NAPS;
/* What nobody can read: who is inside, alive; and did one die there, nobody told yet? */
byte inside;
bit due;
/*
 * One death is left to the backstop: one that the kernel answers by waking a sleeper of
 * `wait` when nobody has fallen asleep yet. It leaves no trace in `wait`, or the trace of a
 * FLIGHT that never lands.
 */
bit excused;

#define S(step)                                                                          \
	if                                                                               \
	:: kills > 0 && me <= KILLS ->                                                   \
		kills--;                                                                 \
		printf("KILLED\n");                                                      \
		goto Killed                                                              \
	:: printf(step)                                                                  \
	fi

inline drain(who) { if :: buffered == who -> word = 0; buffered = 0 :: else fi }
inline enter(dead) { assert(inside == 0); assert(due == dead); due = 0; inside = me }
inline leave() { assert(inside == me); inside = 0 }
inline struck(who, index) { if :: hit[who] < index -> hit[who] = index :: else fi }

inline wake_from_wait(who) { on_wait[who] = 0; struck(who, 1); r = 1; printf("	wakes T%d\n", who) }
inline wake_from_life(who) { on_life[who] = 0; struck(who, 2); printf("	wakes T%d by a death\n", who) }
/* Any of them: real-time priorities change the kernel's order. r: how many were woken. */
inline wake_one_of_wait()
{
	r = 0;
	if
	:: on_wait[1] -> wake_from_wait(1)
	:: on_wait[2] -> wake_from_wait(2)
#if N == 3
	:: on_wait[3] -> wake_from_wait(3)
#endif
	:: else
	fi
}
inline wake_one_of_life()
{
	if
	:: on_life[1] == me -> wake_from_life(1)
	:: on_life[2] == me -> wake_from_life(2)
#if N == 3
	:: on_life[3] == me -> wake_from_life(3)
#endif
	:: else
	fi
}
inline wake_all_of_wait()
{
	if :: on_wait[1] -> wake_from_wait(1) :: else fi;
	if :: on_wait[2] -> wake_from_wait(2) :: else fi;
#if N == 3
	if :: on_wait[3] -> wake_from_wait(3) :: else fi;
#endif
	r = 0
}
inline wake_all_of_life(whose)
{
	if :: on_life[1] == whose -> wake_from_life(1) :: else fi;
	if :: on_life[2] == whose -> wake_from_life(2) :: else fi;
#if N == 3
	if :: on_life[3] == whose -> wake_from_life(3) :: else fi;
#endif
}
/* membarrier(2), one processor after the other; l == 1 before, 0 after */
inline fence_all()
{
#if BARRIER && !defined(M_NO_MEMBARRIER)
	do
	:: atomic { l <= N -> S("membarrier: one processor more\n"); drain(l); l++ }
	:: atomic { l > N -> l = 0; break }
	od
#else
	l = 0
#endif
}
inline leave_queues() { on_wait[me] = 0; on_life[me] = 0; r = hit[me]; hit[me] = 0 }

/* The processor writes back a store when it likes. */
active proctype Buffers()
{
end:	do
	:: atomic { buffered != 0 -> printf("the store of T%d is seen\n", buffered); word = 0; buffered = 0 }
	od
}

#define LOCK  0
#define UNTIL 1
#define ONCE  2 /* trylock */

proctype Thread(byte me)
{
	byte calls, w, q, l, r;
	byte how;
	bit woken, late, lands;

	/* here identity_owe_again(): a kill before it finds the lock pending yet */
Idle:
progress:
	atomic {
		w = 0; q = 0; l = 0; r = 0; woken = 0; late = 0; lands = 0; how = LOCK;
		S("outside\n");
		pending[me] = 0;
		if
		:: calls < K ->
			calls++;
			if
			:: how = LOCK
#if TIMED
			:: how = UNTIL
#endif
#if TRY
			:: how = ONCE
#endif
			fi
		:: goto Done
		fi
	}

	/* fondue_spin_take_(): both halves are compared */
	atomic {
		S("lock: cmpxchg(word and wait, 0, me)\n");
		drain(me);
		if
#ifdef M_TAKEN_UNCOVERED
		:: word == 0 -> word = me; enter(0); goto Inside
#else
		:: word == 0 && wait == 0 -> word = me; enter(0); goto Inside
#endif
		:: else
		fi
	}

	/* identity_owe(); take_covered(), spin(), wait_for(): attempt() */
Round:
	atomic {
		w = 0; q = 0; l = 0; r = 0;
		S("load word\n");
#ifndef M_WAITER_OWES_NOTHING
		pending[me] = 1;
#ifdef M_TRY_OWES_NOTHING
		pending[me] = (how != ONCE);
#endif
#endif
		w = word;
		if
		:: w == 0 -> goto Free
		:: RESERVED(w) && how == ONCE -> goto Idle
		:: RESERVED(w) && how != ONCE && (woken || late) -> goto Reserved
		:: RESERVED(w) && how != ONCE && !(woken || late) ->
			if
#if STALE
			:: goto Reserved
#endif
			:: goto Taken
			fi
		:: else -> assert(SLOT(w) != me)
		fi
	}
	atomic {
		S("load life of the owner\n");
#ifdef M_TAKE_OVER_UNSEEN
		goto TakeOver;
#endif
		if
		:: life[SLOT(w)] & ENDED -> goto TakeOver
		:: else
		fi
	}
Taken:
	atomic {
		S("it is taken\n");
		if
		:: how == ONCE -> goto Idle
		:: how == UNTIL && !(late && (BACKSTOP == 0 || BACKSTOP == 3 && !excused))
		:: how == UNTIL -> goto GiveUp
		:: how == LOCK
		fi;

		/* announce(): q the value to sleep on, l the one that is there. */
		l = wait;
		q = l | SLEEP;
#ifndef M_LAND_KEEPS_FLIGHT
		if :: woken || late -> q = q & SLEEP :: else fi;
#endif
		if :: q == l -> l = 0; goto Reload :: else fi
	}
	atomic {
		S("announce: cmpxchg(wait)\n");
		drain(me);
		if :: wait != l -> goto Round :: else -> wait = q fi;
#ifdef M_LANDED_UNFENCED
		if :: l & SLEEP -> l = 0; goto Reload :: else fi;
#endif
		l = 1
	}
	fence_all();
Reload:
#ifdef M_NO_RELOAD
	goto Park;
#endif
	atomic {
		S("load word again\n");
		w = word;
		if
		:: w == 0 -> goto Round
		:: RESERVED(w) && (woken || late) -> goto Round
		:: RESERVED(w) && !(woken || late) && (w & PAIR) -> goto Replace
		:: RESERVED(w) && !(woken || late) -> goto Park
		:: else -> goto Park
		fi
	}

	/* replace(): always, or never, for the one who has made the reservation. */
Replace:
	atomic {
		S("replace: cmpxchg(word, RESERVED_PAIR, RESERVED_TWO)\n");
		if
		:: goto Park
		:: true
		fi;
		if
		:: word != w -> goto Round
		:: else -> w = (w - PAIR) | TWO; word = w
		fi
	}
	atomic {
		S("replace: wake one\n");
		wake_one_of_wait();
		if :: r -> r = 0; goto Park :: else fi
	}
	atomic {
		S("replace: cmpxchg(word, RESERVED_TWO, 0 of it)\n");
		if :: word == w -> word = w - TWO; goto Park :: else fi
	}
	atomic {
		S("replace: FLIGHT down\n");
		drain(me);
		wait = wait & SLEEP;
		l = 1
	}
	fence_all();
#ifndef M_REPLACED_UNREAD
	woken = 1;
	goto Round;
#endif

	/* park() */
Park:
	if
	:: atomic { SLOT(w) != 0 ->
			S("load life\n");
			l = life[SLOT(w)];
			if
			:: l & ENDED -> woken = 0; late = 0; goto Round
			:: else
			fi }
	:: atomic { SLOT(w) == 0 -> goto Sleep }
	fi;
#ifndef M_NOT_WATCHED
	if
	:: atomic { !(l & WATCHED) ->
			S("cmpxchg(life, WATCHED)\n");
			if
			:: life[SLOT(w)] != l -> woken = 0; late = 0; goto Round
			:: else -> l = l | WATCHED; life[SLOT(w)] = l
			fi }
	:: atomic { (l & WATCHED) -> skip }
	fi;
#endif
Sleep:
	atomic {
		S("waitv: is wait as it was? queued\n");
#ifndef M_NO_COMPARE
		if :: wait != q -> woken = 0; late = 0; goto Round :: else fi;
#endif
		on_wait[me] = 1;
		if :: SLOT(w) == 0 -> goto Asleep :: else fi
	}
	atomic {
		S("waitv: is life as it was? queued\n");
		if
		:: life[SLOT(w)] == l -> on_life[me] = SLOT(w)
		:: else ->
			leave_queues();
			if
			:: r == 0 -> woken = 0; late = 0
			:: else -> woken = 1; late = 0
			fi;
			goto Round
		fi
	}
Asleep:
	q = 0; l = 0;
	if
	:: atomic { kills > 0 && me <= KILLS -> kills--; printf("KILLED, asleep\n"); goto Killed }
	:: atomic { hit[me] -> printf("wakes up\n"); leave_queues(); woken = 1; late = 0 }
#if NAPS
	:: atomic { SLOT(w) == 0 && !hit[me] && naps > 0 -> naps--; printf("stale?\n"); leave_queues(); woken = 0; late = 1 }
#endif
	:: atomic { how == UNTIL && !hit[me] -> printf("too late\n"); leave_queues(); woken = 0; late = 1 }
#if BACKSTOP == 1 || BACKSTOP == 3
	:: atomic { timeout && (BACKSTOP == 1 || excused) -> printf("the backstop\n"); leave_queues(); woken = 0; late = 1 }
#endif
#if BACKSTOP == 2
	:: atomic { !hit[me] -> printf("the backstop\n"); leave_queues(); woken = 0; late = 1 }
#endif
	fi;
#ifndef M_NOT_PASSED_ON
	if
	:: r == 2 -> atomic { S("woken by a death: wake all others\n"); wake_all_of_life(SLOT(w)) }
	:: else
	fi;
#endif
	goto Round;

	/* try_word(); lands: is FLIGHT to be taken down in arrive()? */
Free:
	atomic {
		S("cmpxchg(word, 0, me)\n");
		drain(me);
		if
		:: word == 0 -> word = me; enter(0); lands = woken || late
		:: word != 0 && how == ONCE -> goto Idle
		:: word != 0 && how != ONCE -> goto Round
		fi;
		goto Arrive
	}
Reserved:
	atomic {
		S("cmpxchg(word, RESERVED, me)\n");
		if
		:: word == w -> word = me; enter(0); lands = !(woken && (w & TWO))
		:: else -> goto Round
		fi;
		goto Arrive
	}
TakeOver:
	atomic {
		S("take over: cmpxchg(word, dead owner, me)\n");
		if
#ifdef M_TRY_KEEPS_FLIGHT
		:: word == w -> word = me; enter(1); lands = (how != ONCE)
#else
		:: word == w -> word = me; enter(1); lands = 1
#endif
		:: word != w && how == ONCE -> goto Idle
		:: word != w && how != ONCE -> goto Round
		fi
	}
Arrive:
	w = 0; l = 0; woken = 0; late = 0; how = 0;
#ifndef M_NO_ARRIVE
	if
#ifndef M_SLEEP_FORGOTTEN
	:: lands -> atomic { S("arrive: FLIGHT down, SLEEP up\n"); wait = SLEEP }
#else
	:: lands -> atomic { S("arrive: FLIGHT down\n"); wait = wait & SLEEP }
#endif
	:: else
	fi;
#endif
	lands = 0;

	/* got(): pending still */
	atomic {
		S("load wait, cover\n");
#ifndef M_NOT_COVERED
		if :: wait == 0 -> pending[me] = 0 :: else fi
#else
		pending[me] = 0
#endif
	}
Inside:
	l = 0;
#ifdef M_WAKE_FIRST
	atomic {
		S("wake, before the release\n");
		if :: wait & SLEEP -> wait = SLEEP | FLIGHT; wake_one_of_wait() :: else fi
	}
	atomic { S("word = 0\n"); leave(); if :: TSO -> buffered = me :: else -> word = 0 fi; goto Idle }
#endif
	if
	:: BARRIER && !pending[me] -> /* fondue_spin_unlock() */
		atomic { S("unlock: word = 0\n"); leave(); if :: TSO -> buffered = me :: else -> word = 0 fi }
		atomic { S("unlock: load wait\n"); if :: wait == 0 -> goto Idle :: else fi }
	:: else -> /* spinlock_unlock(), wake_store() */
		atomic {
			S("unlock: load wait: is it due?\n");
			pending[me] = 1;
#ifdef M_WAKER_OWES_NOTHING
			pending[me] = 0;
#endif
			q = wait;
			if
			:: q != 0 && RESERVE -> goto Reserve
			:: q = 0
			fi
		}
		atomic { S("unlock: word = 0, slowly\n"); leave(); if :: TSO && BARRIER -> buffered = me :: else -> word = 0 fi }
	fi;

	/* wake_after_store(), wake_if_idle() */
	atomic {
		S("released: load wait\n");
#ifndef M_WAKER_OWES_NOTHING
		pending[me] = 1;
#endif
		q = wait;
		if
		:: !(q & SLEEP) -> goto Idle
		:: (q & FLIGHT) -> goto Idle
#if OVERDUE
		:: (q & SLEEP) && (q & FLIGHT)
#endif
		:: (q & SLEEP) && !(q & FLIGHT)
		fi
	}
	atomic {
		S("released: load word: taken at once?\n");
		if :: word != 0 && buffered != me -> goto Idle :: else fi;
		if :: q & FLIGHT -> goto WakeOne :: else fi
	}
	atomic {
		S("released: FLIGHT up\n");
		drain(me);
		if :: wait != SLEEP -> goto Idle :: else -> wait = SLEEP | FLIGHT fi
	}
WakeOne:
	atomic {
		q = 0;
		S("wake one\n");
		drain(me);
		wake_one_of_wait();
		if :: r -> goto Idle :: else fi
	}
WasNobody:
	atomic {
		S("nobody: cmpxchg(wait, SLEEP | FLIGHT, 0)\n");
		if :: wait == (SLEEP | FLIGHT) -> wait = 0 :: else -> goto Idle fi
	}
#ifndef M_CLEARED_UNCHECKED
	atomic { S("wake all\n"); wake_all_of_wait() }
#endif
#ifndef M_CLEARED_UNREAD
	/* it may be that a reservation has counted on the FLIGHT that is gone */
	atomic {
		S("nobody: load word\n");
		w = word;
		if :: RESERVED(w) :: else -> goto Idle fi
	}
	atomic {
		S("nobody: cmpxchg(word, RESERVED, 0)\n");
		if :: RESERVED(word) -> word = 0; w = 0; goto PassOn :: else -> goto Idle fi
	}
#endif
	goto Idle;

	/* reserve(), wake_heir() */
Reserve:
	atomic {
		S("unlock: xchg(word, RESERVED)\n");
		leave();
		w = 16 | (sequence << 2);
		sequence = (sequence + 1) & COUNT;
		if
		:: w = w | PAIR
		:: true
		fi;
		word = w
	}
	atomic {
		S("reserved: cmpxchg(wait, SLEEP | FLIGHT)\n");
#ifdef M_RESERVED_UNREAD
		if :: q & FLIGHT -> goto Idle :: else fi;
#else
		if :: wait & FLIGHT -> goto Idle :: else fi;
#endif
		q = 0;
#ifndef M_RESERVED_RAISES_SLEEP
		/* only a waiter raises SLEEP: he has the barrier that goes with it */
		if :: !(wait & SLEEP) -> goto Cancel :: else fi;
#endif
		wait = SLEEP | FLIGHT
	}
	atomic {
		S("reserved: wake one\n");
		wake_one_of_wait();
		if :: r -> goto Idle :: else fi
	}
Cancel:
	atomic {
		S("reserved: nobody: cmpxchg(word, RESERVED, 0)\n");
#ifdef M_CANCELLED_EXACTLY
		if :: word == w -> word = 0 :: else fi;
#else
		/* somebody may have made a RESERVED_TWO of it, or more */
		if :: RESERVED(word) -> word = 0 :: else fi;
#endif
		w = 0;
#ifndef M_CANCELLED_SILENTLY
		goto PassOn;
#endif
		goto WasNobody
	}

	/* give_up() */
GiveUp:
	w = 0;
	if
	:: !woken && !late -> goto Idle
	:: else
	fi;
	atomic { S("give up: FLIGHT down\n"); drain(me); q = woken && !(wait & SLEEP); woken = 0; late = 0; wait = wait & SLEEP; l = 1 }
	fence_all();
#ifndef M_SLEEP_FORGOTTEN
	if
	:: q -> atomic { q = 0; S("give up: SLEEP is gone: wake all\n"); wake_all_of_wait() }
	:: else
	fi;
#endif
	q = 0;
	atomic { S("give up: load word\n"); if :: SLOT(word) != 0 -> goto Idle :: else fi }
#ifdef M_GIVE_UP_SILENTLY
	goto Idle;
#endif
PassOn:
	atomic {
		S("pass on: FLIGHT up\n");
		if :: wait & SLEEP -> wait = SLEEP | FLIGHT; goto WakeOne :: else -> goto Idle fi
	}

Killed: /* in its queues yet: what wakes it now is lost */
	atomic {
		printf("leaves its queues\n");
		drain(me);
		leave_queues();
		if
		:: inside == me -> inside = 0; due = 1
		:: else
		fi;
		calls = 0; w = 0; q = 0; r = 0; how = 0; woken = 0; late = 0; lands = 0
	}
	/* nobody's store is kept from sight for as long as it takes to die */
	atomic { l = life[me] & WATCHED; life[me] = ENDED; word = (buffered -> 0 : word); buffered = 0; printf("the kernel marks its life\n") }
	if
	:: l -> atomic { printf("the kernel wakes one who watched\n"); wake_one_of_life() }
	:: else
	fi;
	l = 0;
	if
	:: pending[me] -> atomic { printf("the kernel wakes one for list_op_pending\n"); pending[me] = 0; wake_one_of_wait(); if :: !r -> excused = 1 :: else fi }
	:: else
	fi;
Done:
	calls = 0; r = 0
}

init
{
	atomic {
		byte i = 1;

		do
		:: i <= N -> run Thread(i); i++
		:: else -> break
		od;
		i = 0
	}
}
