/* SPDX-License-Identifier: MIT */
/*
 * show-locks-text.c - what somebody wants to read at three in the morning
 *
 * The same words as the runtime's own report (preload/report-text.c), so that one can be
 * found by the other: a line for each lock, with its owner and what that is doing, and below
 * it where it was taken, and those who wait. The first line says when it was: by now all may
 * be different.
 */
#include <inttypes.h>
#include <stdio.h>

#include "counts.h"
#include "say.h"
#include "show-locks.h"

/* Waiters that are listed one by one; all are counted, and in JSON all are listed. */
#define LISTED 32

struct whereabouts lock_whereabouts(const struct lock *lock, const struct mapping **mapping)
{
	*mapping = maps_at(&lock->view->maps, lock->address);
	return whereabouts(&lock->view->maps, lock->view->tid, lock->address);
}

static void print_time(const struct snapshot *snapshot, uint64_t since)
{
	if (!snapshot->now)
		printf("an unknown time (its clock is another)");
	else
		say_time(stdout,
			snapshot->now > since ? (snapshot->now - since) / 1000000 : 0);
}

static void print_foreign(const struct member *member)
{
	printf("a process of another pid namespace, pid %d", member->pid_there);
	if (member->tid_there != member->pid_there)
		printf(" tid %d", member->tid_there);
	printf(" there");
}

static void print_who(const struct member *member)
{
	bool is_named = member->tid || !member->is_foreign;
	pid_t pid = member->tid ? member->pid : member->pid_there;
	pid_t tid = member->tid ? member->tid : member->tid_there;

	if (is_named)
		printf("pid %d", pid);
	else
		print_foreign(member);
	if (is_named && tid != pid)
		printf(" tid %d", tid);
	if (member->tid && member->is_foreign)
		printf(" (%d in its pid namespace)", member->pid_there);
	if (member->state.comm[0]) {
		printf(" \"");
		say_to(stdout, member->state.comm);
		printf("\"");
	}
}

static void print_member(const struct member *member)
{
	print_who(member);
	if (member->is_dead || member->state.doing[0])
		printf(", %s", member->is_dead ? "dead" : member->state.doing);
}

static void print_place(const struct lock *lock)
{
	const struct mapping *mapping;
	struct whereabouts where = lock_whereabouts(lock, &mapping);
	const char *what = where.name ? where.name : "";

	if (where.name) {
		printf(" ");
		say_to(stdout, what);
		if (where.offset)
			printf("+0x%" PRIx64, where.offset);
	}
	printf(" at 0x%" PRIx64 " (", lock->address);
	if (where.function) {
		printf("in ");
		say_to(stdout, where.function);
		printf(", ");
	}
	if (!where.object && mapping_is_anonymous(mapping))
		printf("anonymous shared memory");
	else if (!where.object && !mapping->is_shared)
		printf("private memory of pid %d", lock->view->pid);
	else
		say_to(stdout, where.object ? say_base_name(where.object) : mapping->path);
	if (!where.name)
		printf(" + 0x%" PRIx64, where.offset);
	printf(")");
}

static void print_owner(const struct snapshot *snapshot, const struct lock *lock)
{
	struct member member;

	if (lock->owner == SLOT_ANONYMOUS) {
		printf("a thread that found no slot, so it is not known which");
		return;
	}
	member_look(&member, snapshot->family, &lock->thread, snapshot->census);
	if (lock->state == LOCK_DEAD)
		print_who(&member);
	else
		print_member(&member);
}

static void print_state(const struct snapshot *snapshot, const struct lock *lock)
{
	switch (lock->state) {
	case LOCK_FREE:
		printf("free");
		break;
	case LOCK_RESERVED:
		printf("free, reserved for a waiter that has been woken");
		break;
	case LOCK_CHANGING:
		printf("changing hands all the time");
		break;
	case LOCK_DEAD:
		printf("its owner, ");
		print_owner(snapshot, lock);
		printf(", died holding it: the next to come is told EOWNERDEAD");
		break;
	case LOCK_HELD:
		printf("held ");
		if (lock->held_since) {
			printf("for at least ");
			print_time(snapshot, lock->held_since);
			printf(" ");
		}
		printf("by ");
		print_owner(snapshot, lock);
		break;
	}
}

/* "update_stats+0x4c (collector)", "collector+0x1a4c", "0x7f2a4010" */
static void print_code(const struct code *code)
{
	if (code->function) {
		say_to(stdout, code->function);
		printf("+0x%" PRIx64 " (", code->function_offset);
	} else if (!code->object) {
		printf("0x%" PRIx64, code->address);
	}
	if (code->object)
		say_to(stdout, say_base_name(code->object));
	if (code->function)
		printf(")");
	else if (code->object)
		printf("+0x%" PRIx64, code->offset);
}

static void print_taken(const struct snapshot *snapshot, const struct lock *lock)
{
	struct code code;

	if (!locate_taken(snapshot, lock, &code))
		return;
	printf("  taken   at ");
	print_code(&code);
	putchar('\n');
}

static void print_asked(const struct snapshot *snapshot, const struct thread *waiter)
{
	struct code code;

	if (!locate_asked(snapshot, waiter, &code))
		return;
	printf(", at ");
	print_code(&code);
}

static void print_waiters(const struct snapshot *snapshot, const struct lock *lock)
{
	for (size_t i = 0; i < lock->waiter_count && i < LISTED; i++) {
		struct member member;

		member_look(&member, snapshot->family, &lock->waiters[i], snapshot->census);
		printf("  waits   ");
		print_member(&member);
		printf(", for ");
		print_time(snapshot, lock->waiters[i].wants_since);
		print_asked(snapshot, &lock->waiters[i]);
		putchar('\n');
	}
	if (lock->waiter_count > LISTED)
		printf("  waits   %zu more\n", lock->waiter_count - LISTED);
}

static void print_frame(const char *title, unsigned number, const struct stack_frame *frame)
{
	printf("  %-8s#%u ", title, number);
	if (frame->function) {
		say_to(stdout, frame->function);
		printf("+0x%" PRIx64, frame->function_offset);
	} else {
		printf("0x%" PRIx64, frame->address);
	}
	if (frame->object) {
		printf(" (");
		say_to(stdout, say_base_name(frame->object));
		printf("+0x%" PRIx64 ")", frame->offset);
	}
	printf(frame->is_guess ? ", a guess\n" : "\n");
}

static void print_stack(const struct snapshot *snapshot, const struct lock *lock)
{
	const char *why, *title;
	struct stack *stack;

	if (lock->state != LOCK_HELD || lock->owner == SLOT_ANONYMOUS)
		return;
	stack = locate_stack(snapshot, lock, &why);
	if (!stack) {
		printf("  now     where it is cannot be told: %s\n", why);
		return;
	}
	title = stack_is_of_wait(stack) ? "asks" : "now";
	for (unsigned i = 0; i < stack_count(stack); i++) {
		struct stack_frame frame;

		stack_frame(stack, i, &frame);
		print_frame(title, i, &frame);
	}
	if (!stack_is_complete(stack, &why))
		printf("  %-8s... %s\n", title, why);
	stack_free(stack);
}

static void print_crowd(const struct snapshot *snapshot, const struct lock *lock)
{
	if (!lock->waiter_count) {
		printf("; nobody waits");
		return;
	}
	printf("; %zu wait%s, ", lock->waiter_count, lock->waiter_count == 1 ? "s" : "");
	printf(lock->waiter_count == 1 ? "for " : "the longest ");
	print_time(snapshot, lock->waiters[0].wants_since);
	if (lock->is_stuck)
		printf("; part of a deadlock");
}

static void print_counts(const struct snapshot *snapshot, const struct lock *lock)
{
	uint64_t acquisitions, contended;

	if (counts_find(snapshot->family, lock, &acquisitions, &contended))
		printf("  count   acquired %" PRIu64 " times, %" PRIu64
		       " of them when it was taken\n",
			acquisitions, contended);
}

static void print_lock(
	const struct snapshot *snapshot, const struct lock *lock, bool stacks)
{
	printf("lock");
	print_place(lock);
	printf(": ");
	print_state(snapshot, lock);
	print_crowd(snapshot, lock);
	putchar('\n');
	print_taken(snapshot, lock);
	print_counts(snapshot, lock);
	if (stacks)
		print_stack(snapshot, lock);
	print_waiters(snapshot, lock);
}

/* Told before anything else, for it does not go away. In a circle each holds one of them. */
static void print_deadlocks(const struct snapshot *snapshot)
{
	size_t threads = 0;

	for (size_t i = 0; i < snapshot->count; i++)
		threads += snapshot->locks[i].is_stuck;
	if (threads)
		printf("DEADLOCK: %zu threads wait for one another in circles; their locks are "
		       "marked below\n",
			threads);
}

static void print_unnamed(const struct snapshot *snapshot, const struct unnamed *unnamed)
{
	struct member member;

	member_look(&member, snapshot->family, &unnamed->thread, snapshot->census);
	print_who(&member);
	printf(member.is_dead ? ": died holding %u more, or about to take it" :
				": holds %u more",
		unnamed->count);
	printf(", which its slot does not name; such are listed when somebody waits\n");
}

static void print_head(const struct snapshot *snapshot)
{
	size_t count = snapshot->count;
	char text[64], zone[16];
	struct tm local;

	localtime_r(&snapshot->at.tv_sec, &local);
	strftime(text, sizeof(text), "%F %T", &local);
	strftime(zone, sizeof(zone), "%z", &local);
	printf("%s.%03ld %s: snapshot of the family of pid %d, which runs on; ", text,
		snapshot->at.tv_nsec / 1000000, zone, snapshot->family->process.pid);
	printf("%u of its threads ha%s used locks; ", snapshot->living,
		snapshot->living == 1 ? "s" : "ve");
	for (size_t i = 0; i < snapshot->unnamed_count; i++)
		count += snapshot->unnamed[i].count;
	if (count)
		printf("%zu lock%s held or waited for\n", count, count == 1 ? " is" : "s are");
	else
		printf("no lock is held or waited for\n");
}

void show_locks_text(const struct snapshot *snapshot, bool stacks)
{
	print_head(snapshot);
	print_deadlocks(snapshot);
	for (size_t i = 0; i < snapshot->count; i++)
		print_lock(snapshot, &snapshot->locks[i], stacks);
	for (size_t i = 0; i < snapshot->unnamed_count; i++)
		print_unnamed(snapshot, &snapshot->unnamed[i]);
}
