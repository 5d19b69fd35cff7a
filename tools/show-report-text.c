/* SPDX-License-Identifier: MIT */
/*
 * show-report-text.c - what somebody wants to read at three in the morning
 *
 * The first line is all that matters if there is no time for more: which lock, for how
 * long, by whom, and who suffers. Below it stand when and where, then the stacks, the
 * owner's first. The words are those of the runtime's own text and of `fondue locks`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "say.h"
#include "show-report.h"

/* Waiters and members of a deadlock that are listed one by one; all are counted. */
#define LISTED	 32
#define HEADLINE 4

static const json_t *member(const json_t *object, const char *key)
{
	return json_object_get(object, key);
}

/* How its stack was taken matters where it disturbs, or is missing. */
static const char *how_taken(const json_t *thread)
{
	static const char *const words[][2] = {
		{ "proc", "read while it slept" },
		{ "signal", "it was asked by a signal" },
		{ "ptrace", "it was stopped for a moment" },
		{ "self", "it tells this itself" },
	};
	const char *how = record_text(thread, "how");

	for (size_t i = 0; how && i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(how, words[i][0]))
			return words[i][1];
	return NULL;
}

static void print_thread(const char *title, const json_t *thread, const json_t *taker)
{
	if (!json_is_object(thread))
		return;
	printf("  %-9s", title);
	show_report_who(thread);
	if (member(thread, "waited_ms")) {
		printf(", for ");
		show_report_time(thread, "waited_ms");
	}
	if (how_taken(thread))
		printf("; %s", how_taken(thread));
	putchar('\n');
	show_report_stack(thread, taker);
}

static void print_waiters(const json_t *list)
{
	size_t count = json_array_size(list);

	for (size_t i = 0; i < count && i < LISTED; i++) {
		const json_t *waiter = json_array_get(list, i);

		printf("  waits    ");
		show_report_who(waiter);
		printf(", for ");
		show_report_time(waiter, "waited_ms");
		if (json_is_object(member(waiter, "site"))) {
			printf(", at ");
			show_report_site(member(waiter, "site"));
		}
		putchar('\n');
	}
	if (count > LISTED)
		printf("  waits    %zu more\n", count - LISTED);
}

static void print_when(const json_t *record)
{
	const char *time = record_text(record, "t"), *id = record_text(record, "id");
	uint64_t pid;

	printf("  when     ");
	say_to(stdout, time ? time : "at an unknown time");
	printf(", report ");
	say_to(stdout, id ? id : "without a number");
	if (record_number(record, "pid", &pid))
		printf(" by pid %" PRIu64, pid);
	putchar('\n');
}

static void print_lock_name(const json_t *record, const char *key)
{
	printf("lock ");
	show_report_lock(member(record, key));
}

static void print_limit(const json_t *record)
{
	if (!member(record, "limit_ms"))
		return;
	printf(" (limit ");
	show_report_time(record, "limit_ms");
	printf(")");
}

static void show_hold(const json_t *record)
{
	const json_t *owner = member(record, "owner");
	uint64_t waiting;

	print_lock_name(record, "lock");
	printf(" held ");
	show_report_time(record, "held_ms");
	printf(" by ");
	show_report_who(owner);
	print_limit(record);
	if (record_number(record, "waiting", &waiting)) {
		printf(waiting == 1 ? "; 1 waits, for " : "; %" PRIu64 " wait, the longest ",
			waiting);
		show_report_time(record, "longest_ms");
	}
	putchar('\n');
	print_when(record);
	show_report_lock_line("lock", member(record, "lock"));
	show_report_site_line("taken", member(owner, "site"));
	print_thread("owner", owner, member(owner, "site"));
	print_thread("waiter", member(record, "waiter"), NULL);
	print_waiters(member(record, "waiters"));
}

/* "pid 7 holds a_lock, wants b_lock" */
static void print_link(const json_t *thread)
{
	uint64_t pid;

	if (record_number(thread, "pid", &pid))
		printf("pid %" PRIu64, pid);
	else
		printf("one");
	printf(" holds ");
	show_report_lock(member(thread, "holds"));
	printf(", wants ");
	show_report_lock(member(thread, "wants"));
}

static void print_links(const json_t *members)
{
	size_t count = json_array_size(members);

	for (size_t i = 0; i < count && i < HEADLINE; i++) {
		printf(i ? "; " : ": ");
		print_link(json_array_get(members, i));
	}
	if (count > HEADLINE)
		printf("; and %zu more", count - HEADLINE);
	putchar('\n');
}

static void show_deadlock(const json_t *record)
{
	const json_t *members = member(record, "members");
	size_t count = json_array_size(members);

	printf("DEADLOCK of %zu threads", count);
	if (member(record, "old_ms")) {
		printf(", ");
		show_report_time(record, "old_ms");
		printf(" old");
	}
	print_links(members);
	print_when(record);
	for (size_t i = 0; i < count && i < LISTED; i++) {
		const json_t *thread = json_array_get(members, i);

		print_thread("member", thread, member(thread, "site"));
		show_report_lock_line("holds", member(thread, "holds"));
		show_report_site_line("taken", member(thread, "site"));
		show_report_lock_line("wants", member(thread, "wants"));
	}
	if (count > LISTED)
		printf("  member   %zu more\n", count - LISTED);
}

static void show_over(const json_t *record)
{
	const char *how = record_text(record, "how");

	print_lock_name(record, "lock");
	printf(": ");
	say_to(stdout, how ? how : "given up");
	printf(" after ");
	show_report_time(record, "held_ms");
	putchar('\n');
	print_when(record);
	show_report_lock_line("lock", member(record, "lock"));
}

static void show_death(const json_t *record)
{
	const json_t *owner = member(record, "owner"), *heir = member(record, "heir");
	const char *became = owner ? record_text(owner, "became") : NULL;

	print_lock_name(record, "lock");
	printf(": its owner, ");
	show_report_who(owner);
	if (became) {
		printf(", executed another program holding it, ");
		say_to(stdout, became);
	} else {
		printf(", died holding it");
	}
	if (json_is_object(heir)) {
		printf("; now ");
		show_report_who(heir);
		printf(" has taken it over, with EOWNERDEAD");
	}
	putchar('\n');
	print_when(record);
	show_report_lock_line("lock", member(record, "lock"));
	show_report_site_line("taken", member(owner, "site"));
}

static void show_order(const json_t *record)
{
	print_lock_name(record, "first");
	printf(" and then ");
	show_report_lock(member(record, "second"));
	printf(", elsewhere the other way round: they may deadlock one day\n");
	print_when(record);
	show_report_lock_line("first", member(record, "first"));
	show_report_lock_line("second", member(record, "second"));
	show_report_site_line("here", member(record, "site"));
	show_report_site_line("there", member(record, "other_site"));
	show_report_stack(record, NULL);
}

static void show_self(const json_t *record)
{
	print_lock_name(record, "lock");
	printf(": its own owner asked for it again, and was told EDEADLK\n");
	print_when(record);
	show_report_lock_line("lock", member(record, "lock"));
	show_report_site_line("taken", member(record, "site"));
	show_report_site_line("asked", member(record, "asked"));
	show_report_stack(record, NULL);
}

static void show_long(const json_t *record)
{
	print_lock_name(record, "lock");
	printf(" was held ");
	show_report_time(record, "held_ms");
	print_limit(record);
	printf("; nobody had to wait long enough to say so before it was released\n");
	print_when(record);
	show_report_lock_line("lock", member(record, "lock"));
	show_report_site_line("taken", member(record, "site"));
	show_report_site_line("released", member(record, "released"));
	show_report_stack(record, NULL);
}

static void show_message(const json_t *record)
{
	const char *text = record_text(record, "text");
	uint64_t pid;

	if (record_number(record, "pid", &pid))
		printf("process %" PRIu64 ": ", pid);
	say_to(stdout, text ? text : "");
	putchar('\n');
}

static const struct {
	const char *event;
	void (*show)(const json_t *record);
} events[] = {
	{ "hold", show_hold },
	{ "deadlock", show_deadlock },
	{ "over", show_over },
	{ "death", show_death },
	{ "order", show_order },
	{ "self", show_self },
	{ "long", show_long },
	{ "message", show_message },
};

void show_report_text(const json_t *record)
{
	const char *event = record_text(record, "ev");

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (event && !strcmp(event, events[i].event))
			events[i].show(record);
}

/*
 * One line, in the order in which it came. libjansson leaves the control characters above
 * 0x7e as they are, which is good JSON and bad for a terminal.
 */
void show_report_json(const json_t *record)
{
	char *text = json_dumps(record, JSON_COMPACT);

	if (!text)
		return;
	for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
		if (*s == 0x7f)
			printf("\\u007f");
		else if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0)
			printf("\\u%04x", *++s);
		else
			putchar(*s);
	}
	putchar('\n');
	free(text);
}
