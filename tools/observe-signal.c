/* SPDX-License-Identifier: MIT */
/*
 * observe-signal.c - who is told what, and what has to be looked at before
 *
 * Signals to the program are delivered as they came. Some mean its end, and some a crash:
 * then there is something to be looked at first, while they wait.
 *
 * The terminal sends its signals to the whole process group, to the program and to us: then
 * the program has it already. So does a shell that kills a job. But a signal may be meant
 * for this process alone, by somebody who knows no other; that is passed on to the program,
 * and to nobody else, as any command does that runs another. To tell these from one another
 * takes a moment: what has not arrived there by itself within it is passed on.
 *
 * A daemon's first process has ended; then it is told whose parent has. Who lives on when the
 * program has ended that was told to, is let go: tracing ends with us, and hurts nobody.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <time.h>

#include "memory.h"
#include "observe-look.h"
#include "observe-signal.h"
#include "observe-where.h"

/* Signals of one kill(2) to a group arrive within some ms, even on a busy machine. */
#define PASS_AFTER_US 100000

/* As timeout(1) -k would be used: enough to tidy up. */
#define KILL_AFTER_US 5000000

/*
 * For those who live on when a program has ended that was told to: to end, too, as they do when
 * they are told by a pipe, or by a signal of the program's.
 */
#define LEAVE_AFTER_US 2000000

static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };
#define PASSED_ON (sizeof(passed_on) / sizeof(passed_on[0]))

static bool means_end(int signal)
{
	return signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGHUP;
}

static bool means_crash(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT || signal == SIGFPE ||
	       signal == SIGILL;
}

static void note_crash(struct observation *observation, struct tracee *tracee, int signal)
{
	struct seen *seen = observation->seen;
	siginfo_t info = { 0 };

	tracee->member->has_crashed = true;
	ptrace(PTRACE_GETSIGINFO, tracee->tid, 0, &info);
	seen->crashes = memory_grow(seen->crashes, seen->crash_count, sizeof(*seen->crashes));
	seen->crashes[seen->crash_count++] = (struct seen_crash){
		.process = tracee->member->index,
		.signal = signal,
		.fault = signal == SIGABRT ? 0 : (uint64_t)(uintptr_t)info.si_addr,
		.where = where_is(tracee, false),
	};
	look_at_parent(observation, tracee->member, SEEN_CRASH);
}

/* Who waits for it by sigwait(3) or signalfd(2) is never seen to get it, so it is now. */
static void expect_end(struct observation *observation, int signal)
{
	look_at_family(observation);
	observation->seen->ended_by = signal;
}

void signal_arrives(struct observation *observation, struct tracee *tracee, int signal)
{
	struct member *member = tracee->member;

	if (member->is_program && signal > 0 && signal < SIGNALS)
		observation->arrived_us[signal] = kin_now(observation);
	if (means_end(signal) && (member->is_program || !kin_program(observation)))
		expect_end(observation, signal);
	else if (means_end(signal))
		look_at_family(observation);
	else if (signal == SIGALRM)
		look_at(observation, member, SEEN_SIGNAL);
	else if (means_crash(signal) && member->birth && !member->has_crashed)
		note_crash(observation, tracee, signal);
}

static sigset_t waited_for(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < PASSED_ON; i++)
		sigaddset(&set, passed_on[i]);
	return set;
}

void signal_begin(struct inherited *ret)
{
	struct sigaction reported = { .sa_handler = SIG_DFL };
	sigset_t set = waited_for();

	/* where SIGCHLD is ignored nothing can be waited for */
	sigaction(SIGCHLD, &reported, &ret->child);
	sigprocmask(SIG_BLOCK, &set, &ret->mask);
}

void signal_end(const struct inherited *inherited)
{
	struct timespec at_once = { 0 };
	sigset_t set = waited_for();

	/* what came too late to be passed on must not end us before the answer is given */
	while (sigtimedwait(&set, NULL, &at_once) > 0)
		;
	sigaction(SIGCHLD, &inherited->child, NULL);
	sigprocmask(SIG_SETMASK, &inherited->mask, NULL);
}

static void tell(const struct observation *observation, int signal)
{
	const struct member *program = kin_program(observation);

	if (program) {
		kill(program->pid, signal);
		return;
	}
	for (struct member *member = observation->members; member; member = member->next)
		if (!kin_by_index(observation, member->parent))
			kill(member->pid, signal);
}

static void pass_one(struct observation *observation, int signal, uint64_t now)
{
	uint64_t due = observation->pass_us[signal];

	if (!due)
		return;
	if (now < due) {
		kin_set_due(observation, due);
		return;
	}
	observation->pass_us[signal] = 0;
	if (!observation->arrived_us[signal] ||
		observation->arrived_us[signal] + 2 * PASS_AFTER_US < now)
		tell(observation, signal);
}

static void pass_on(struct observation *observation, uint64_t now)
{
	for (size_t i = 0; i < PASSED_ON; i++)
		pass_one(observation, passed_on[i], now);
}

static void kill_all(const struct observation *observation)
{
	for (struct member *member = observation->members; member; member = member->next)
		kill(member->pid, SIGKILL);
}

static void keep_limit(struct observation *observation, uint64_t now)
{
	uint64_t limit = (uint64_t)observation->options->limit_s * 1000000;

	if (!limit || observation->is_killed)
		return;
	if (now < limit) {
		kin_set_due(observation, limit);
		return;
	}
	if (!observation->ended_us) {
		observation->ended_us = now;
		expect_end(observation, SIGTERM);
		tell(observation, SIGTERM);
	} else if (now >= observation->ended_us + KILL_AFTER_US) {
		observation->is_killed = true;
		kill_all(observation);
		return;
	}
	kin_set_due(observation, observation->ended_us + KILL_AFTER_US);
}

/* Nobody waits for the orphans of a program that was ended; those of one whose time is up die. */
static void leave_orphans(struct observation *observation, uint64_t now)
{
	if (!observation->seen->ended_by || observation->ended_us ||
		kin_program(observation) || !observation->members)
		return;
	if (!observation->gone_us)
		observation->gone_us = now;
	if (now < observation->gone_us + LEAVE_AFTER_US) {
		kin_set_due(observation, observation->gone_us + LEAVE_AFTER_US);
		return;
	}
	for (struct member *member = observation->members; member; member = member->next)
		observation->seen->left++;
	observation->is_left = true;
}

void signal_go_on(struct observation *observation)
{
	uint64_t now = kin_now(observation);

	pass_on(observation, now);
	keep_limit(observation, now);
	leave_orphans(observation, now);
}

/* From the terminal: then the program has got it as we have, if it is in our group. */
static bool is_for_all(const struct observation *observation, const siginfo_t *info)
{
	const struct member *program = kin_program(observation);

	return info->si_code == SI_KERNEL && program && getpgid(program->pid) == getpgrp();
}

void signal_wait(struct observation *observation, uint64_t until_us)
{
	uint64_t now = kin_now(observation), us = until_us > now ? until_us - now : 0;
	struct timespec timeout = { .tv_sec = (time_t)(us / 1000000),
		.tv_nsec = (long)(us % 1000000 * 1000) };
	sigset_t set = waited_for();
	siginfo_t info;
	int signal = sigtimedwait(&set, &info, until_us == UINT64_MAX ? NULL : &timeout);

	if (signal <= 0 || signal == SIGCHLD)
		return;
	if (means_end(signal))
		expect_end(observation, signal);
	if (is_for_all(observation, &info))
		return;
	observation->pass_us[signal] = kin_now(observation) + PASS_AFTER_US;
	kin_set_due(observation, observation->pass_us[signal]);
}
