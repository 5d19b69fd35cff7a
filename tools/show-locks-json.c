/* SPDX-License-Identifier: MIT */
/*
 * show-locks-json.c - the same for machines; names of fields are a promise, kept in fondue.1
 */
#include <inttypes.h>
#include <stdio.h>

#include "counts.h"
#include "json.h"
#include "show-locks.h"

static const char *const state_name[] = {
	[LOCK_FREE] = "free",
	[LOCK_HELD] = "held",
	[LOCK_DEAD] = "owner-died",
	[LOCK_RESERVED] = "reserved",
	[LOCK_CHANGING] = "changing",
};

static void put_number(struct json *json, const char *key, bool is_known, uint64_t value)
{
	if (is_known)
		json_put_number(json, key, value);
	else
		json_put_string(json, key, NULL);
}

static void put_ms(
	struct json *json, const char *key, const struct snapshot *snapshot, uint64_t since)
{
	put_number(json, key, since && snapshot->now,
		snapshot->now > since ? (snapshot->now - since) / 1000000 : 0);
}

static void put_text(struct json *json, const char *key, const char *text)
{
	json_put_string(json, key, *text ? text : NULL);
}

/* What stands in an object that is about a thread; a dead one has its numbers of then. */
static void put_thread(
	struct json *json, const struct snapshot *snapshot, const struct thread *thread)
{
	struct member member;
	bool is_known;

	member_look(&member, snapshot->family, thread, snapshot->census);
	is_known = member.tid || !member.is_foreign;
	put_number(json, "pid", is_known,
		(uint64_t)(member.tid ? member.pid : member.pid_there));
	put_number(json, "tid", is_known,
		(uint64_t)(member.tid ? member.tid : member.tid_there));
	put_text(json, "command", member.state.comm);
	put_text(json, "doing", member.is_dead ? "dead" : member.state.doing);
	json_put_bool(json, "dead", member.is_dead);
	put_number(json, "namespace", member.namespace != 0, member.namespace);
	json_put_number(json, "pid_there", (uint64_t)member.pid_there);
	json_put_number(json, "tid_there", (uint64_t)member.tid_there);
}

static void put_address(struct json *json, const char *key, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	json_put_string(json, key, text);
}

/* As in the runtime's records: what is not known is left out. */
static void put_code(struct json *json, const struct code *code)
{
	json_open(json, "site", '{');
	put_address(json, "pc", code->address);
	if (code->function) {
		json_put_string(json, "sym", code->function);
		json_put_number(json, "symoff", code->function_offset);
	}
	if (code->object) {
		json_put_string(json, "obj", code->object);
		if (*code->build_id)
			json_put_string(json, "bid", code->build_id);
		put_address(json, "off", code->offset);
	}
	if (code->file_changed)
		json_put_bool(json, "changed", true);
	json_close(json, '}');
}

static void put_site(struct json *json, bool is_known, const struct code *code)
{
	if (is_known)
		put_code(json, code);
	else
		json_put_string(json, "site", NULL);
}

static void put_frame(struct json *json, const struct stack_frame *frame)
{
	json_open(json, NULL, '{');
	json_put_number(json, "address", frame->address);
	json_put_string(json, "object", frame->object);
	put_number(json, "offset", frame->object != NULL, frame->offset);
	json_put_string(json, "build_id", frame->build_id);
	json_put_string(json, "function", frame->function);
	put_number(json, "function_offset", frame->function != NULL, frame->function_offset);
	json_put_bool(json, "guess", frame->is_guess);
	json_close(json, '}');
}

/* Either the frames, and why there are no more if that is too early; or why there are none. */
static void put_stack(
	struct json *json, const struct snapshot *snapshot, const struct lock *lock)
{
	const char *why;
	struct stack *stack = locate_stack(snapshot, lock, &why);

	json_open(json, "stack", '{');
	json_put_string(
		json, "how", !stack ? "none" : stack_is_of_wait(stack) ? "site" : "proc");
	json_put_bool(json, "complete", stack && stack_is_complete(stack, &why));
	json_put_string(json, "why", stack && stack_is_complete(stack, &why) ? NULL : why);
	json_open(json, "frames", '[');
	for (unsigned i = 0; stack && i < stack_count(stack); i++) {
		struct stack_frame frame;

		stack_frame(stack, i, &frame);
		put_frame(json, &frame);
	}
	json_close(json, ']');
	json_close(json, '}');
	stack_free(stack);
}

static void put_owner(struct json *json, const struct snapshot *snapshot,
	const struct lock *lock, bool stacks)
{
	struct code code;

	if (!lock->owner || lock->owner == SLOT_ANONYMOUS) {
		json_put_string(json, "owner", NULL);
		return;
	}
	json_open(json, "owner", '{');
	put_thread(json, snapshot, &lock->thread);
	put_site(json, locate_taken(snapshot, lock, &code), &code);
	put_number(json, "waits_for", lock->next != LOCK_NONE,
		lock->next != LOCK_NONE ? snapshot->locks[lock->next].address : 0);
	if (stacks)
		put_stack(json, snapshot, lock);
	json_close(json, '}');
}

static void put_place(struct json *json, const struct lock *lock)
{
	const struct mapping *mapping;
	struct whereabouts where = lock_whereabouts(lock, &mapping);

	json_put_string(json, "name", where.name);
	json_put_string(json, "function", where.function);
	json_put_number(json, "offset", where.offset);
	json_put_string(json, "object", where.object);
	json_put_number(json, "address", lock->address);
	json_put_number(json, "address_pid", (uint64_t)lock->view->pid);
	json_put_bool(json, "shared", mapping->is_shared);
	put_text(json, "mapped", mapping->path);
}

static void put_waiters(
	struct json *json, const struct snapshot *snapshot, const struct lock *lock)
{
	struct code code;

	json_open(json, "waiters", '[');
	for (size_t i = 0; i < lock->waiter_count; i++) {
		json_open(json, NULL, '{');
		put_thread(json, snapshot, &lock->waiters[i]);
		put_ms(json, "waits_ms", snapshot, lock->waiters[i].wants_since);
		put_site(json, locate_asked(snapshot, &lock->waiters[i], &code), &code);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_counts(
	struct json *json, const struct snapshot *snapshot, const struct lock *lock)
{
	uint64_t acquisitions = 0, contended = 0;
	bool is_known = counts_find(snapshot->family, lock, &acquisitions, &contended);

	put_number(json, "acquisitions", is_known, acquisitions);
	put_number(json, "contended", is_known, contended);
}

static void put_lock(struct json *json, const struct snapshot *snapshot,
	const struct lock *lock, bool stacks)
{
	json_open(json, NULL, '{');
	put_place(json, lock);
	json_put_string(json, "state", state_name[lock->state]);
	json_put_bool(json, "deadlock", lock->is_stuck);
	put_ms(json, "held_ms", snapshot, lock->held_since);
	put_counts(json, snapshot, lock);
	put_owner(json, snapshot, lock, stacks);
	put_waiters(json, snapshot, lock);
	json_close(json, '}');
}

static void put_unnamed(struct json *json, const struct snapshot *snapshot)
{
	json_open(json, "unnamed", '[');
	for (size_t i = 0; i < snapshot->unnamed_count; i++) {
		json_open(json, NULL, '{');
		put_thread(json, snapshot, &snapshot->unnamed[i].thread);
		json_put_number(json, "locks", snapshot->unnamed[i].count);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_time(struct json *json, const struct timespec *at)
{
	char seconds[32], text[48];
	struct tm utc;

	gmtime_r(&at->tv_sec, &utc);
	strftime(seconds, sizeof(seconds), "%FT%T", &utc);
	snprintf(text, sizeof(text), "%s.%03ldZ", seconds, at->tv_nsec / 1000000);
	json_put_string(json, "time", text);
}

void show_locks_json(const struct snapshot *snapshot, bool stacks)
{
	struct json json = { .file = stdout };

	json_open(&json, NULL, '{');
	json_put_string(&json, "fondue", FONDUE_VERSION_STRING);
	json_put_number(&json, "pid", (uint64_t)snapshot->family->process.pid);
	put_time(&json, &snapshot->at);
	json_put_number(&json, "threads", snapshot->living);
	json_open(&json, "locks", '[');
	for (size_t i = 0; i < snapshot->count; i++)
		put_lock(&json, snapshot, &snapshot->locks[i], stacks);
	json_close(&json, ']');
	put_unnamed(&json, snapshot);
	json_close(&json, '}');
}
