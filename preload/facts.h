/* SPDX-License-Identifier: MIT */
/*
 * facts.h - what a report says, found out and not yet put into words
 */
#pragma once

#include "backtrace.h"
#include "deadlock.h"
#include "layout.h"
#include "place.h"
#include "thread-state.h"

/* How a stack was come by. */
enum how {
	HOW_NONE,   /* not at all: party.why */
	HOW_SITE,   /* it waits: its stack from where it asked for the lock */
	HOW_PROC,   /* it sleeps: looked at from outside */
	HOW_SIGNAL, /* it was asked, by a signal */
	HOWS
};

extern const char *const how_name[HOWS]; /* "none", "site", ...: for machines */

struct lock_fact {
	uintptr_t lock;
	struct place place;
};

/* A thread that a report speaks of. */
struct party {
	uint32_t number; /* of its slot */
	pid_t pid, tid;	 /* in its own pid namespace */
	bool is_here;	 /* which is ours, so that it can be looked at */
	struct thread_state state;
	uint64_t waited_ns;
	struct place site;	       /* where it took the lock, or asks for it; address 0: not known */
	struct lock_fact holds, wants; /* of a member of a circle */
	bool has_become_other;	       /* state.comm is that of the program that it executed */
	enum how how;
	const char *why, *why_not_asked; /* HOW_NONE; the latter NULL: that was out of the question */
	const struct backtrace *stack; /* NULL: there is none */
	struct places *places;	       /* what `site` points into; NULL: the report's own */
};

enum report_kind {
	REPORT_HELD,	 /* parties: the owner; the reporter; others who wait */
	REPORT_DEADLOCK, /* each waits for the next; the last for the first */
	REPORT_OVER,	 /* none: what was reported is over */
	REPORT_DEATH,	 /* the owner that died; its heir */
	REPORT_KINDS
};

#define PARTIES_MAX CYCLE_MAX

struct report {
	enum report_kind kind;
	unsigned sequence; /* of the reports of this process */
	uint64_t wall_ns;  /* since 1970 */
	struct lock_fact lock;
	uint64_t held_ns;    /* at least so long */
	uint64_t limit_ns;   /* longer than this is reported */
	uint64_t longest_ns; /* of all who wait */
	uint64_t next_ns;    /* from now: the next report of it */
	unsigned waiting;    /* all, also those that are no party */
	const char *ending;  /* of REPORT_OVER: "released", "passed on" */
	char record[4096 + 64]; /* file that it is kept in; "": none */
	unsigned left_out;   /* of the parties, the last: there is no room to tell of them */
	unsigned count;
	struct party parties[PARTIES_MAX];
	struct places *places; /* of this process */
	unsigned char stack[SNAPSHOT_STACK_MAX], earlier[SNAPSHOT_STACK_MAX / 4];
};

/* For the name of a report: a number that this process has not used yet, and the time. */
unsigned facts_sequence(void);
uint64_t facts_wall_ns(void);

/* @report is zeroed memory, large, and not on a stack. */
void facts_begin(struct report *report, enum report_kind kind);
/* Give back what its members point to. */
void facts_end(struct report *report);

/* Who and where: state, name, namespace. Return: the party that was added, or NULL. */
struct party *facts_add_party(struct report *report, uint32_t number);

/* Of threads that are gone, or that no slot tells of. */
struct party *facts_add_gone(struct report *report, pid_t pid, pid_t tid, uint64_t namespace);

/*
 * The locks of @party, which was alive at @since (ns, CLOCK_BOOTTIME), have become free as those
 * of the dead do: it may have executed another program.
 */
void facts_find_program(struct party *party, uint64_t since);

/* The calling thread, which may have no slot. */
void facts_add_self(struct report *report);

struct lock_fact facts_of_lock(struct report *report, uintptr_t lock);

/* The place where @party took @lock, which it holds. */
void facts_find_site(struct report *report, struct party *party, uintptr_t lock);
/* The same of one that is dead, which has left @pc. */
void facts_find_last_site(struct report *report, struct party *party, uintptr_t pc);
/* The place where @party asks for the lock that it waits for. */
void facts_find_wanted(struct report *report, struct party *party);

/*
 * facts_take_stack() - the way by which @party came to where it is
 * @lock: which it holds; its stack at that moment serves where the other ends early
 *
 * A thread that waits for a lock or sleeps is not disturbed. One that runs is asked by a
 * signal, unless FONDUE_SIGNAL says otherwise.
 */
void facts_take_stack(struct report *report, struct party *party, uintptr_t lock);

/*
 * facts_settle() - when all is found out: who has died meanwhile is told of as such
 *
 * What was seen of it may be of another program already, which runs under its number.
 */
void facts_settle(struct report *report);
