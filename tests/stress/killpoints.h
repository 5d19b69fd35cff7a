/* SPDX-License-Identifier: MIT */
/*
 * killpoints.h - what the parts of killpoints-spinlock share
 *
 * killpoints-spinlock.c	the scenarios
 * killpoints-play.c	one death after the other, and what must be true of the survivors
 * killpoints-cast.c	those
 * killpoints-step.c	the victim, by ptrace(2), and where it stands
 *
 * Three kinds of process: the victim, which is stepped and killed; sleepers, which wait for
 * a lock as any program does; and the test itself, which holds a lock where a scenario
 * needs one held. After the death comes one more, the newcomer.
 */
#pragma once

#include "lockword.h"

#include "../integration/locking.h"

#define HANG (10000 * MS)

enum {
	FROM_SLEEP = 1,	 /* it sleeps in the lock already: the first step is its being woken */
	UNTIL_SLEEP = 2, /* the last step is its sleep */
	IN_THREAD = 4,	 /* a thread acts, not the first of its process */
	BORN_RAW = 8,	 /* a child of the bare system call: nothing tells the runtime of it */
	PARENT_NEW = 16, /* the test, its parent, has never locked anything */
	ENDS = 32,	 /* act() is followed by the end of the thread or process */
	/*
	 * ... that holds it: the first is told. Perhaps before the last instruction, for musl
	 * marks a thread's robust mutexes itself.
	 */
	HOLDS = 256,
	PASSES = 64,	 /* no victim, but a sleeper that is stopped on its way */
	LEAVES = 128,	 /* the backstop may be needed, as spinlock.c says */
};

struct scenario {
	const char *name;
	unsigned how;
	int (*act)(void); /* what is stepped; returns what the lock said */
	int result;	  /* ... and should have */
	/* all but prepare() by the test, in this order; each may be NULL */
	void (*before)(void);	 /* there is no victim yet */
	void (*prepare)(void);	 /* the victim, before act(), unwatched */
	void (*meanwhile)(void); /* it may be waiting */
	void (*set)(void);	 /* it stands at the beginning, or sleeps */
	void (*stopped)(void);	 /* it stands where it will die */
	void (*after)(void);	 /* it is dead */
};

/* Memory of all, cleared for each death. */
struct stage {
	volatile int phase[2]; /* of victim and passer: 0, 1 acts, 2 has acted */
	volatile int result;
	volatile bool in_vain; /* a race was lost that the scenario needs won: again, please */
	atomic_int holds, go, ready, errors;
	volatile pid_t tid;	    /* the victim, if a thread */
	volatile uint32_t slots[5]; /* of everybody but the victim */
	volatile uint32_t dead;	    /* of an owner that died before */
	atomic_uint newest;	    /* the newcomer's slot */
	struct log {
		atomic_int inside;
		atomic_int count; /* the rest is protected by the lock itself */
		struct entry {
			int result;
			bool slept; /* a sleeper's, not the newcomer's */
			long long at;
		} entries[8];
	} logs[2];
};

/* The same address in all processes; the locks are others for each death. */
extern struct stage *stage;
extern fondue_spinlock_t *lock, *second;

/* killpoints-step.c */

struct victim {
	const struct scenario *scenario;
	pid_t pid, tid;
	bool asleep, gone, buried;
};

enum step { STEP_DONE, STEP_ASLEEP, STEP_GONE, STEP_LOST };

/* From now on a signal comes every 2 ms, so that no wait is for ever. */
void ticks_start(void);
/* Return: the status that waitpid() gives, or -1 after HANG. */
int await_end(pid_t pid);

bool victim_is_born(struct victim *victim, const struct scenario *scenario);
bool victim_begins(struct victim *victim);
enum step victim_steps(struct victim *victim);
/* By itself, watched no longer. */
bool victim_goes_on(struct victim *victim);
bool victim_dies(struct victim *victim);
void victim_is_buried(struct victim *victim);
/* The instruction that it would execute next; 0 if it does not stand. */
uintptr_t victim_stands_at(const struct victim *victim);
/* The same in words, and who called, as far as can be told. */
void victim_says_where(const struct victim *victim, char *text, size_t size);
/* 0 if it works, or an errno value. */
int victim_can_be_stepped(void);

/* killpoints-cast.c */

#define SLEEPERS 4

extern struct victim passer;	 /* passer.pid 0: there is none */
extern pid_t sleepers[SLEEPERS]; /* passer and holder are among them; 0: reaped */
extern unsigned sleeper_count;
extern long long since; /* ns: from when on the sleepers could have it */

/* The test, and with it the victim, keeps its processor for itself. */
void stay_here(void);
/* Attach, on lock @number that nobody else uses. Return: the slot. */
uint32_t attach_with(unsigned number);
uint32_t attach_first(void);
/* Takes and releases both locks when all others are through. */
pid_t newcomer_comes(void);
void sleeper_comes(void);
void sleeper_comes_to_second(void);
void sleepers_sleep(void); /* wait until they do */
void sleepers_still_sleep(void); /* ... or it has all been in vain */
/* A sleeper, stopped somewhere on its way to sleep until the victim is dead. */
void passer_comes(void);
/* A process that holds the lock until stage->go. */
void holder_comes(void);
void holder_is_killed(void);
/* Stop all sleepers, and let them go on. */
void sleepers_freeze(void);
void sleepers_thaw(void);
/* The lock, by the test. */
void take(void);
void give(void);
/* Longer than a turn from now. */
void turn_passes(void);

/* killpoints-play.c */

/* Wait until it sleeps, when it runs by itself. */
bool victim_sleeps(void);

/* Kill it at @points instructions of all, 0: at each. Return: is all well? */
bool scenario_plays(const struct scenario *scenario, unsigned points);
/* Kill it after @n steps only. */
bool scenario_plays_once(const struct scenario *scenario, unsigned n);
