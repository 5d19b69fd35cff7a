/* SPDX-License-Identifier: MIT */
/*
 * observe.c - the loop: what the kernel reports of a traced family, and who is let go on
 *
 * The family is traced, and nothing is put into it: no library, no descriptor, no mapping.
 * The kernel stops a thread at its birth, at its end, in exec and when a signal is about to
 * be delivered, and tells us. Each report is handled at once (`observe-look`,
 * `observe-signal`, `observe-watch`), and the thread goes on as if nothing had been.
 *
 * Reports come in any order: a child may stop before its parent's fork is told, or after.
 * It is the child's stop that counts, whichever brings it about. A thread in a group
 * stop (SIGSTOP, job control) is not continued but listened to, so that it stays stopped
 * until somebody sends SIGCONT; its parent sees it stop as ever.
 *
 * What a tracer cannot hide: a program that traces others itself (ptrace(2)) fails to.
 */
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "memory.h"
#include "observe-compare.h"
#include "observe-last.h"
#include "observe-look.h"
#include "observe-restart.h"
#include "observe-signal.h"
#include "observe-watch.h"

/* For a thread to get from one stop to where it cannot stop any more. */
#define ASK_AGAIN_US 1000

static void go_on(const struct tracee *tracee, int signal)
{
	/* one that has just been killed is gone, which will be reported */
	ptrace(PTRACE_CONT, tracee->tid, 0, signal);
}

static struct tracee *arrive(struct observation *observation, pid_t tid)
{
	bool is_new;
	struct tracee *tracee = kin_add(observation, tid, &is_new);

	if (is_new)
		look_at_birth(observation, tracee->member);
	if (is_new && tracee->member->birth)
		watch_parent(observation, tracee->member);
	return tracee;
}

static void note_exec(struct observation *observation, struct tracee *tracee)
{
	struct member *member = tracee->member;

	kin_leave_alone(observation, tracee);
	member->program = kin_program_path(tracee->tid);
	member->has_executed = true;
	member->is_over = false;
	member->held = NULL;
	free(member->watched);
	member->watched = NULL;
	kin_seen(observation, member)->executed = memory_copy(member->program);
	picture_free(member->birth);
	member->birth = NULL;
}

/* Whoever waited to be the last is not. */
static void release(struct member *member)
{
	struct tracee *held = member->held;

	member->held = NULL;
	if (held)
		go_on(held, 0);
}

/* The end of a thread that waits for it, if it is known by now whose else it is. */
static void decide(struct observation *observation, struct member *member)
{
	enum last last = last_is(observation, member->held);

	if (last == LAST_PERHAPS) {
		kin_set_due(observation, kin_now(observation) + ASK_AGAIN_US);
		return;
	}
	if (last == LAST_YES)
		look_at_end(observation, member);
	release(member);
}

static void note_end(struct observation *observation, struct tracee *tracee)
{
	release(tracee->member);
	tracee->is_ending = true;
	tracee->member->held = tracee;
	decide(observation, tracee->member);
}

static void decide_all(struct observation *observation)
{
	for (struct member *member = observation->members; member; member = member->next)
		if (member->held)
			decide(observation, member);
}

static void note(struct observation *observation, pid_t tid, int status);

/*
 * A child stops at its birth without fail, so it is waited for: a parent that leaves at once
 * would be gone before it is heard of. Where the kernel does not say whose memory it has (see
 * `observe-look`), the report of vfork does.
 */
static void note_birth(struct observation *observation, const struct tracee *tracee, int event)
{
	unsigned long child = 0;
	int status;

	ptrace(PTRACE_GETEVENTMSG, tracee->tid, 0, &child);
	if (event == PTRACE_EVENT_VFORK)
		look_at_borrower(observation, (pid_t)child);
	if (!kin_tracee(observation, (pid_t)child) &&
		waitpid((pid_t)child, &status, __WALL) == (pid_t)child)
		note(observation, (pid_t)child, status);
}

static void note_event(struct observation *observation, struct tracee *tracee, int event)
{
	if (event == PTRACE_EVENT_EXIT) {
		note_end(observation, tracee);
		return;
	}
	if (event == PTRACE_EVENT_EXEC)
		note_exec(observation, tracee);
	else if (event != PTRACE_EVENT_VFORK_DONE)
		note_birth(observation, tracee, event);
	go_on(tracee, 0);
}

static void note_group_stop(struct tracee *tracee, int signal)
{
	if (signal != SIGTRAP) {
		ptrace(PTRACE_LISTEN, tracee->tid, 0, 0);
		return;
	}
	/* its birth, the end of a group stop, or our wish */
	restart_if_interrupted(tracee);
	go_on(tracee, 0);
}

static void note_signal(struct observation *observation, struct tracee *tracee, int signal)
{
	if (signal == SIGTRAP && watch_fired(observation, tracee)) {
		go_on(tracee, 0);
		return;
	}
	signal_arrives(observation, tracee, signal);
	restart_if_ignored(tracee, signal);
	go_on(tracee, signal);
}

static void note_stop(struct observation *observation, struct tracee *tracee, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	watch_arm(observation, tracee);
	if (event == PTRACE_EVENT_STOP)
		note_group_stop(tracee, signal);
	else if (event)
		note_event(observation, tracee, event);
	else
		note_signal(observation, tracee, signal);
}

static void note_gone(struct observation *observation, struct tracee *tracee, int status)
{
	struct member *member = tracee->member;
	struct seen_process *process = kin_seen(observation, member);

	if (tracee->tid == member->pid) {
		process->is_killed = WIFSIGNALED(status);
		process->status = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
		if (!process->end_us)
			process->end_us = kin_now(observation);
		if (member->is_program)
			kin_set_due(observation, kin_now(observation));
	}
	kin_remove(observation, tracee);
}

static void note(struct observation *observation, pid_t tid, int status)
{
	struct tracee *tracee = kin_tracee(observation, tid);

	if (WIFSTOPPED(status)) {
		if (!tracee)
			tracee = arrive(observation, tid);
		note_stop(observation, tracee, status);
	} else if (tracee) {
		note_gone(observation, tracee, status);
	}
}

static void do_what_is_due(struct observation *observation)
{
	observation->due_us = UINT64_MAX;
	/* in a storm of forks there is always something to report */
	signal_wait(observation, 0);
	look_around(observation);
	signal_go_on(observation);
	decide_all(observation);
}

static void loop(struct observation *observation)
{
	while (!observation->is_left) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);

		if (tid < 0 || (tid == 0 && !observation->tracees))
			break;
		if (tid > 0)
			note(observation, tid, status);
		if (kin_now(observation) >= observation->due_us)
			do_what_is_due(observation);
		if (tid == 0 && !observation->is_left)
			signal_wait(observation, observation->due_us);
	}
}

static void begin(struct observation *observation, pid_t pid)
{
	struct seen *seen = observation->seen;
	struct timespec now;
	bool is_new;

	clock_gettime(CLOCK_MONOTONIC, &now);
	seen->start_monotonic_s = (uint64_t)now.tv_sec;
	seen->start_time_s = (uint64_t)time(NULL);
	observation->start_us = kin_now(observation);
	kin_add(observation, pid, &is_new)->member->program = kin_program_path(pid);
	go_on(observation->tracees, 0);
}

static void finish(struct observation *observation)
{
	struct seen *seen = observation->seen;
	const struct seen_process *program = &seen->processes[0];

	seen->end_us = kin_now(observation);
	seen->status = program->is_killed ? 128 + program->status : program->status;
}

const char *observe(char *const *argv, const struct observe_options *options, struct seen *ret)
{
	struct observation observation = { .seen = ret, .options = options };
	struct inherited inherited;
	const char *why;
	pid_t pid;

	*ret = (struct seen){ 0 };
	compare_begin();
	signal_begin(&inherited);
	why = start_program(argv, &inherited, &pid);
	if (!why) {
		ret->program = argv[0];
		begin(&observation, pid);
		loop(&observation);
		finish(&observation);
	}
	signal_end(&inherited);
	return why;
}
