/* SPDX-License-Identifier: MIT */
/*
 * report-json.c - a report as one JSON object in one line
 *
 * For log collectors, and for `fondue report`, which makes lines of source of it wherever the
 * programs are. So each address comes with its object, the object's build-id and the offset
 * in its file. Keys do not change their meaning as long as "v" is 1; new ones may come.
 */
#include "report.h"
#include "text.h"

/* A comma is due before the next member; text ends with a value. */
static void add_comma(struct log_text *text)
{
	char last = text->len ? text->bytes[text->len - 1] : '{';

	if (last != '{' && last != '[' && last != ':')
		log_add(text, ",");
}

static void add_key(struct log_text *text, const char *key)
{
	add_comma(text);
	log_add(text, "\"%s\":", key);
}

static void add_string(struct log_text *text, const char *key, const char *value)
{
	add_key(text, key);
	log_add_quoted(text, value);
}

static void add_number(struct log_text *text, const char *key, uint64_t value)
{
	add_key(text, key);
	log_add(text, "%lu", (unsigned long)value);
}

static void add_ms(struct log_text *text, const char *key, uint64_t ns)
{
	add_number(text, key, ns / 1000000);
}

static void add_address(struct log_text *text, const char *key, uintptr_t value)
{
	add_key(text, key);
	log_add(text, "\"0x%lx\"", (unsigned long)value);
}

static void add_flag(struct log_text *text, const char *key, bool value)
{
	if (!value)
		return;
	add_key(text, key);
	log_add(text, "true");
}

static void add_build_id(struct log_text *text, const struct build_id *id)
{
	add_key(text, "bid");
	log_add(text, "\"");
	for (unsigned i = 0; i < id->size; i++)
		log_add(text, "%x%x", id->bytes[i] >> 4, id->bytes[i] & 15);
	log_add(text, "\"");
}

static void add_object(
	struct log_text *text, const struct binary *binary, uintptr_t offset, bool changed)
{
	if (!binary)
		return;
	add_string(text, "obj", binary->path);
	if (binary->build_id.size)
		add_build_id(text, &binary->build_id);
	add_address(text, "off", offset);
	add_flag(text, "changed", changed);
}

static void add_symbol(struct log_text *text, const char *symbol, uintptr_t offset)
{
	if (!symbol || !*symbol)
		return;
	add_string(text, "sym", symbol);
	add_number(text, "symoff", offset);
}

static void add_lock(struct log_text *text, const char *key, const struct lock_fact *lock)
{
	add_key(text, key);
	log_add(text, "{");
	add_address(text, "addr", lock->lock);
	add_symbol(text, lock->place.name.text, lock->place.name_offset);
	add_object(text, lock->place.binary, lock->place.offset, lock->place.file_changed);
	log_add(text, "}");
}

static void add_place(struct log_text *text, const char *key, const struct place *place)
{
	if (!place->address)
		return;
	add_key(text, key);
	log_add(text, "{");
	add_address(text, "pc", place->address);
	add_symbol(text, place->name.text, place->name_offset);
	add_object(text, place->binary, place->offset, place->file_changed);
	log_add(text, "}");
}

static void add_frame(struct log_text *text, const struct frame *frame)
{
	add_comma(text);
	log_add(text, "{");
	add_address(text, "pc", frame->step.pc);
	add_symbol(text, frame->symbol, frame->symbol_offset);
	add_object(text, frame->binary, frame->offset, frame->file_changed);
	add_flag(text, "exact", frame->step.is_exact);
	add_flag(text, "signal", frame->step.is_signal);
	add_flag(text, "guess", frame->step.is_guess);
	add_flag(text, "gap", frame->is_behind_gap);
	log_add(text, "}");
}

static void add_stack(struct log_text *text, const struct party *party, unsigned frames)
{
	const struct backtrace *stack = party->stack;
	bool is_all = stack && stack->count <= frames;

	add_string(text, "how", how_name[party->how]);
	if (!stack) {
		if (party->why)
			add_string(text, "why", party->why);
		if (party->why_not_asked)
			add_string(text, "why_not_asked", party->why_not_asked);
		return;
	}
	add_key(text, "complete");
	log_add(text, is_all && backtrace_is_complete(stack) ? "true" : "false");
	add_string(text, "end",
		is_all ? backtrace_end_text(stack->end) : "more frames than are shown");
	add_key(text, "frames");
	log_add(text, "[");
	for (unsigned i = 0; i < stack->count && i < frames; i++)
		add_frame(text, &stack->frames[i]);
	log_add(text, "]");
}

static void add_who(struct log_text *text, const struct party *party)
{
	add_number(text, "pid", party->pid);
	add_number(text, "tid", party->tid);
	add_flag(text, "elsewhere", !party->is_here);
	if (party->state.comm[0])
		add_string(text, party->has_become_other ? "became" : "comm",
			party->state.comm);
	if (party->state.doing[0])
		add_string(text, "state", party->state.doing);
	if (party->waited_ns)
		add_ms(text, "waited_ms", party->waited_ns);
	add_place(text, "site", &party->site);
}

static void add_party(
	struct log_text *text, const char *key, const struct party *party, unsigned frames)
{
	if (key)
		add_key(text, key);
	else
		add_comma(text);
	log_add(text, "{");
	add_who(text, party);
	if (party->holds.lock)
		add_lock(text, "holds", &party->holds);
	if (party->wants.lock)
		add_lock(text, "wants", &party->wants);
	if (frames)
		add_stack(text, party, frames);
	log_add(text, "}");
}

static void add_parties(struct log_text *text, const char *key, const struct report *report,
	unsigned first, unsigned frames)
{
	add_key(text, key);
	log_add(text, "[");
	for (unsigned i = first; i < report->count - report->left_out; i++)
		add_party(text, NULL, &report->parties[i], frames);
	log_add(text, "]");
	if (report->left_out)
		add_number(text, "left_out", report->left_out);
}

static void add_held(struct log_text *text, const struct report *report, unsigned frames)
{
	add_lock(text, "lock", &report->lock);
	add_ms(text, "held_ms", report->held_ns);
	add_ms(text, "limit_ms", report->limit_ns);
	add_number(text, "waiting", report->waiting);
	add_ms(text, "longest_ms", report->longest_ns);
	add_ms(text, "next_ms", report->next_ns);
	add_party(text, "owner", &report->parties[0], frames);
	add_party(text, "waiter", &report->parties[1], frames);
	add_parties(text, "waiters", report, 2, 0);
}

static void add_two(struct log_text *text, const char *before, unsigned value)
{
	log_add(text, "%s%u%u", before, value / 10 % 10, value % 10);
}

/* Days since 1970 as a date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static void add_date(struct log_text *text, uint64_t days)
{
	uint64_t shifted = days + 719468, era = shifted / 146097, day = shifted % 146097;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint64_t of_year = day - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * of_year + 2) / 153;

	log_add(text, "%lu", (unsigned long)(year + era * 400 + (month >= 10)));
	add_two(text, "-", month < 10 ? month + 3 : month - 9);
	add_two(text, "-", of_year - (153 * month + 2) / 5 + 1);
}

static void add_when(struct log_text *text, uint64_t ns)
{
	uint64_t ms = ns / 1000000, s = ms / 1000;

	add_key(text, "t");
	log_add(text, "\"");
	add_date(text, s / 86400);
	add_two(text, "T", s / 3600 % 24);
	add_two(text, ":", s / 60 % 60);
	add_two(text, ":", s % 60);
	log_add(text, ".%lu", ms / 100 % 10);
	add_two(text, "", ms % 100);
	log_add(text, "Z\"");
}

static const char *const event[REPORT_KINDS] = {
	[REPORT_HELD] = "hold",
	[REPORT_DEADLOCK] = "deadlock",
	[REPORT_OVER] = "over",
	[REPORT_DEATH] = "death",
};

void report_json_begin(
	struct log_text *text, const char *name, unsigned sequence, uint64_t wall_ns)
{
	int pid = (int)sys_call(SYS_getpid);

	text->len = 0;
	log_add(text, "{");
	add_number(text, "v", 1);
	add_string(text, "ev", name);
	add_key(text, "id");
	log_add(text, "\"%d-%u\"", pid, sequence);
	add_when(text, wall_ns);
	add_number(text, "pid", pid);
}

void report_json_end(struct log_text *text)
{
	log_add(text, "}");
	log_end_line(text);
}

void report_json_open(struct log_text *text, const char *key, char bracket)
{
	if (key)
		add_key(text, key);
	else
		add_comma(text);
	log_add(text, bracket == '[' ? "[" : "{");
}

void report_json_lock(struct log_text *text, const char *key, const struct lock_fact *lock)
{
	add_lock(text, key, lock);
}

void report_json_place(struct log_text *text, const char *key, const struct place *place)
{
	add_place(text, key, place);
}

void report_json_ms(struct log_text *text, const char *key, uint64_t ns)
{
	add_ms(text, key, ns);
}

void report_json_number(struct log_text *text, const char *key, uint64_t value)
{
	add_number(text, key, value);
}

bool report_json(const struct report *report, unsigned frames, struct log_text *text)
{
	report_json_begin(text, event[report->kind], report->sequence, report->wall_ns);
	switch (report->kind) {
	case REPORT_HELD:
		add_held(text, report, frames);
		break;
	case REPORT_DEADLOCK:
		add_ms(text, "old_ms", report->held_ns);
		add_parties(text, "members", report, 0, frames);
		break;
	case REPORT_OVER:
		add_lock(text, "lock", &report->lock);
		add_ms(text, "held_ms", report->held_ns);
		add_string(text, "how", report->ending);
		break;
	default:
		add_lock(text, "lock", &report->lock);
		add_party(text, "owner", &report->parties[0], 0);
		add_party(text, "heir", &report->parties[1], 0);
	}
	report_json_end(text);
	return text->len < text->max;
}
