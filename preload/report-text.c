/* SPDX-License-Identifier: MIT */
/*
 * report-text.c - what somebody wants to read at three in the morning
 *
 * The first line alone must do: which lock, for how long, whose fault, what that one is doing.
 * Then the place where the lock was taken and the owner's stack, which tell what to repair;
 * who waits; and what to do next, turning this off included. Names are those of the files
 * that run, or none: then the offset in the file, which a debugger takes as well.
 */
#include "report.h"
#include "text.h"

/* "4.2 s" */
static void add_time(struct log_text *text, uint64_t ns)
{
	uint64_t ms = (ns + 500000) / 1000000, tenths = (ms + 50) / 100;

	if (ms < 1000)
		log_add(text, "%lu ms", ms);
	else
		log_add(text, "%lu.%lu s", tenths / 10, tenths % 10);
}

static void add_offset(struct log_text *text, uintptr_t offset)
{
	if (offset)
		log_add(text, "+0x%lx", (unsigned long)offset);
}

/* "stats_lock (collector)", "at 0x7f2a4010 (collector+0x4010)" */
static void add_lock(struct log_text *text, const struct lock_fact *lock)
{
	const struct binary *binary = lock->place.binary;

	if (*lock->place.name.text) {
		log_add(text, "%s", lock->place.name.text);
		add_offset(text, lock->place.name_offset);
		log_add(text, " (%s)", text_base_name(binary->path));
		return;
	}
	log_add(text, "at 0x%lx", (unsigned long)lock->lock);
	if (binary)
		log_add(text, " (%s+0x%lx)", text_base_name(binary->path),
			(unsigned long)lock->place.offset);
}

/* "update_stats+0x4c (collector)", "collector+0x1a4c", "0x7f2a4010" */
static void add_code(struct log_text *text, const struct binary *binary, uintptr_t offset,
	const char *symbol, uintptr_t symbol_offset)
{
	if (symbol)
		log_add(text, "%s+0x%lx (%s)", symbol, (unsigned long)symbol_offset,
			text_base_name(binary->path));
	else if (binary)
		log_add(text, "%s+0x%lx", text_base_name(binary->path), (unsigned long)offset);
	else
		log_add(text, "0x%lx", (unsigned long)offset);
}

static void add_place(struct log_text *text, const struct place *place)
{
	add_code(text, place->binary, place->offset, *place->name.text ? place->name.text : NULL,
		place->name_offset);
}

static void add_name(struct log_text *text, const struct party *party)
{
	if (!party->is_here) {
		log_add(text, "pid %d tid %d in its own pid namespace", party->pid, party->tid);
		return;
	}
	log_add(text, "pid %d", party->pid);
	if (party->tid != party->pid)
		log_add(text, " tid %d", party->tid);
	if (party->state.comm[0] && !party->has_become_other)
		log_add(text, " \"%s\"", party->state.comm);
}

static void add_party(struct log_text *text, const struct party *party)
{
	add_name(text, party);
	if (party->state.doing[0])
		log_add(text, ", %s", party->state.doing);
}

/* That one who waits for a lock sleeps, or is about to, goes without saying. */
static void add_waiting(struct log_text *text, const struct party *party)
{
	if (text_equals(party->state.doing, "running") ||
		text_equals(party->state.doing, "sleeping in futex"))
		add_name(text, party);
	else
		add_party(text, party);
}

static void add_frame(struct log_text *text, unsigned number, const struct frame *frame)
{
	if (frame->is_behind_gap) {
		log_add(text, "      ... and further out, from where it took the lock:");
		log_end_line(text);
	}
	log_add(text, "    #%u ", number);
	add_code(text, frame->binary, frame->offset, frame->symbol, frame->symbol_offset);
	if (frame->step.is_guess)
		log_add(text, " ?");
	if (frame->step.is_signal)
		log_add(text, " <signal>");
	if (frame->file_changed)
		log_add(text, " [its file has changed: no names]");
	log_end_line(text);
}

static void add_end(struct log_text *text, const struct backtrace *stack)
{
	if (stack->end == UNWIND_COMPLETE)
		return;
	else if (stack->where)
		log_add(text, "    ... ends here: %s (%s)", backtrace_end_text(stack->end),
			text_base_name(stack->where->path));
	else
		log_add(text, "    ... ends here: %s", backtrace_end_text(stack->end));
	log_end_line(text);
}

/* Of those that there is no room for, the ones in the middle: both ends tell more. */
static void add_frames(struct log_text *text, const struct backtrace *stack, unsigned frames)
{
	unsigned outer = frames / 4, left_out = stack->count - frames;

	for (unsigned i = 0; i < stack->count; i++) {
		if (left_out && i == frames - outer) {
			log_add(text, "    ... %u more", left_out);
			log_end_line(text);
			i += left_out;
		}
		if (i < stack->count)
			add_frame(text, i, &stack->frames[i]);
	}
}

static const char *const how_text[HOWS] = {
	[HOW_SITE] = "from where it asks for the lock",
	[HOW_PROC] = "looked at from outside while it sleeps",
	[HOW_SIGNAL] = "told by itself, asked by a signal",
};

static void add_stack(struct log_text *text, const char *whose, const struct party *party,
	unsigned frames)
{
	const struct backtrace *stack = party->stack;

	log_add(text, "  %s", whose);
	if (!stack) {
		log_add(text, "its stack is not to be had: %s%s%s", party->why,
			party->why_not_asked ? ", and " : "",
			party->why_not_asked ? party->why_not_asked : "");
		log_end_line(text);
		return;
	}
	log_add(text, "its stack, %s%s:", how_text[party->how],
		backtrace_is_complete(stack) ? "" : ", incomplete");
	log_end_line(text);
	add_frames(text, stack, frames < stack->count ? frames : stack->count);
	add_end(text, stack);
}

static void add_site(struct log_text *text, const struct party *party)
{
	if (!party->site.address)
		return;
	log_add(text, "  taken   at ");
	add_place(text, &party->site);
	log_end_line(text);
}

static void add_waiters(struct log_text *text, const struct report *report)
{
	for (unsigned i = 2; i < report->count; i++) {
		const struct party *party = &report->parties[i];

		log_add(text, "  waits   ");
		add_waiting(text, party);
		log_add(text, ", for ");
		add_time(text, party->waited_ns);
		if (party->site.address) {
			log_add(text, ", at ");
			add_place(text, &party->site);
		}
		log_end_line(text);
	}
	if (report->waiting > report->count - 1) {
		log_add(text, "  waits   %u more", report->waiting - (report->count - 1));
		log_end_line(text);
	}
}

static void add_next(struct log_text *text, const struct report *report)
{
	log_add(text, "  next    ");
	if (*report->record)
		log_add(text, "lines of source: fondue report %s; ", report->record);
	log_add(text, "all locks as they are now: fondue locks %d --stacks",
		(int)sys_call(SYS_getpid));
	log_end_line(text);
	log_add(text, "          told again if it lasts ");
	add_time(text, report->next_ns);
	log_add(text, " more; FONDUE_HOLD_MS sets the limit, 0 turns this off");
	log_end_line(text);
}

static void add_held(struct log_text *text, const struct report *report, unsigned frames)
{
	const struct party *owner = &report->parties[0], *reporter = &report->parties[1];

	log_add(text, "lock ");
	add_lock(text, &report->lock);
	log_add(text, " held ");
	add_time(text, report->held_ns);
	log_add(text, " by ");
	add_party(text, owner);
	log_add(text, report->waiting == 1 ? "; %u waits, for " : "; %u wait, the longest ",
		report->waiting);
	add_time(text, report->longest_ns);
	log_end_line(text);
	add_site(text, owner);
	add_stack(text, "owner   ", owner, frames);
	log_add(text, "  waits   this process, for ");
	add_time(text, reporter->waited_ns);
	log_end_line(text);
	add_stack(text, "        ", reporter, frames);
	add_waiters(text, report);
	add_next(text, report);
}

/* "pid 7 holds a, wants b": what each member wants, the next one holds */
static void add_member(struct log_text *text, const struct party *party, unsigned frames)
{
	log_add(text, "  ");
	add_waiting(text, party);
	log_add(text, ": holds lock ");
	add_lock(text, &party->holds);
	if (party->site.address) {
		log_add(text, ", taken at ");
		add_place(text, &party->site);
	}
	log_add(text, "; wants lock ");
	add_lock(text, &party->wants);
	log_end_line(text);
	if (frames)
		add_stack(text, "  ", party, frames);
}

static void add_deadlock(struct log_text *text, const struct report *report, unsigned frames)
{
	log_add(text, "DEADLOCK of %u threads, ", report->count);
	add_time(text, report->held_ns);
	log_add(text, " old: each waits for the next; a deadline or killing one ends it");
	log_end_line(text);
	for (unsigned i = 0; i < report->count; i++)
		add_member(text, &report->parties[i], frames);
	if (!*report->record)
		return;
	log_add(text, "  next    lines of source: fondue report %s", report->record);
	log_end_line(text);
}

static void add_over(struct log_text *text, const struct report *report)
{
	log_add(text, "lock ");
	add_lock(text, &report->lock);
	log_add(text, ": %s after ", report->ending);
	add_time(text, report->held_ns);
	log_end_line(text);
}

static void add_death(struct log_text *text, const struct report *report)
{
	const struct party *owner = &report->parties[0];

	log_add(text, "lock ");
	add_lock(text, &report->lock);
	log_add(text, ": its owner, ");
	add_name(text, owner);
	if (owner->has_become_other)
		log_add(text, ", executed another program holding it, \"%s\"",
			owner->state.comm);
	else
		log_add(text, ", died holding it");
	if (owner->site.address) {
		log_add(text, ", taken at ");
		add_place(text, &owner->site);
	}
	log_add(text, "; this process has taken it over, and released it");
	log_end_line(text);
}

bool report_text(const struct report *report, unsigned frames, struct log_text *text)
{
	log_begin(text);
	switch (report->kind) {
	case REPORT_HELD:
		add_held(text, report, frames);
		break;
	case REPORT_DEADLOCK:
		add_deadlock(text, report, frames);
		break;
	case REPORT_OVER:
		add_over(text, report);
		break;
	default:
		add_death(text, report);
	}
	return text->len < text->max;
}

void report_add_lock(struct log_text *text, const struct lock_fact *lock)
{
	add_lock(text, lock);
}

void report_add_place(struct log_text *text, const struct place *place)
{
	add_place(text, place);
}
