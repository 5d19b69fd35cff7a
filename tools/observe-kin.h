/* SPDX-License-Identifier: MIT */
/*
 * observe-kin.h - the processes that are observed, and their threads
 */
#pragma once

#include "observe-picture.h"
#include "observe.h"

struct tracee;

struct member {
	struct member *next;
	pid_t pid;
	size_t index;	       /* in seen->processes */
	size_t parent;	       /* likewise, or SEEN_NOBODY */
	struct picture *birth; /* NULL: it is not compared with anything */
	bool is_program;       /* the process that was started */
	bool has_executed;     /* a program, since it was born */
	struct tracee *held;   /* its end is reported, and may be the process's; or NULL */
	bool is_over;	       /* looked at for the last time */
	bool has_crashed, had_early_look;
	unsigned children;     /* it has had so far */
	unsigned birth_number; /* which of its parent's children it is, from 1 */
	unsigned samples;
	uint64_t sampled_us, signalled_us; /* when it was last looked at so; 0: never */
	const char *program;	 /* path of what it executes; see kin_program_path() */
	struct watched *watched; /* of observe-watch; NULL: not yet */
};

struct tracee {
	struct tracee *next;
	pid_t tid;
	struct member *member;
	bool is_ending;	     /* it has reported its end */
	bool is_armed;	     /* its debug registers are set */
	bool is_interrupted; /* it has been asked to stop, for that */
};

#define SIGNALS 65 /* those of Linux, and 0, which is none */

struct observation {
	struct seen *seen;
	const struct observe_options *options;
	struct member *members; /* that live, the youngest first */
	struct tracee *tracees;
	uint64_t start_us;
	uint64_t due_us; /* when there is something to do; see kin_set_due() */
	pid_t borrower;	 /* that vfork was told of, and that has not been born yet */
	/* of observe-signal, by signal: when it is to be passed on to the program, and when
	   it last arrived there; 0: not */
	uint64_t pass_us[SIGNALS], arrived_us[SIGNALS];
	uint64_t ended_us; /* when the program was told to end, for its time was up */
	uint64_t gone_us;  /* when the program had ended after it was told to, others still living */
	bool is_killed;
	bool is_left; /* those that still live are not observed any more */
};

uint64_t kin_now(const struct observation *observation); /* us since the start */
void kin_set_due(struct observation *observation, uint64_t due_us);

struct tracee *kin_tracee(const struct observation *observation, pid_t tid);
struct member *kin_member(const struct observation *observation, pid_t pid);
struct member *kin_by_index(const struct observation *observation, size_t index);

/* The process that was started; NULL: it has ended. */
struct member *kin_program(const struct observation *observation);

/* A thread that has come to be: of a member, or of a new one, which is told by *ret_is_new. */
struct tracee *kin_add(struct observation *observation, pid_t tid, bool *ret_is_new);

/* A thread has gone. Its member goes with the last of them. */
void kin_remove(struct observation *observation, struct tracee *tracee);

/* All threads of its member but this have gone, as they do in exec. */
void kin_leave_alone(struct observation *observation, struct tracee *tracee);

/* A thread by which @member can be read; 0: there is none any more. */
pid_t kin_reader(const struct observation *observation, const struct member *member);

/* What @tid executes now; kept for ever, but each path once. */
const char *kin_program_path(pid_t tid);

struct seen_process *kin_seen(
	const struct observation *observation, const struct member *member);
