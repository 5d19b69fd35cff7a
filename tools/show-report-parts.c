/* SPDX-License-Identifier: MIT */
/*
 * show-report-parts.c - threads, locks and frames, as all events have them
 *
 * A frame is a line, and one more for each function that was inlined there: those come
 * first, since they are further in, and are marked. Everything in a record is somebody
 * else's text, so all of it goes through say_to(), and what is absent or of the wrong type
 * is left out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "record.h"
#include "say.h"
#include "show-report.h"
#include "source.h"

/* Of a stack; the runtime has fewer. The others are counted. */
#define LISTED 256
/* Columns of a frame: longer ones push the next. */
#define NAME_WIDTH   28
#define OBJECT_WIDTH 16

void show_report_time(const json_t *object, const char *key)
{
	uint64_t ms;

	if (record_number(object, key, &ms))
		say_time(stdout, ms);
	else
		printf("an unknown time");
}

static void print_quoted(const char *text)
{
	printf(" \"");
	say_to(stdout, text);
	printf("\"");
}

void show_report_who(const json_t *thread)
{
	const char *comm = record_text(thread, "comm"), *state = record_text(thread, "state");
	uint64_t pid, tid;
	bool has_pid = record_number(thread, "pid", &pid);

	if (has_pid)
		printf("pid %" PRIu64, pid);
	else
		printf("an unknown process");
	if (record_number(thread, "tid", &tid) && !(has_pid && tid == pid))
		printf(" tid %" PRIu64, tid);
	if (comm)
		print_quoted(comm);
	if (state) {
		printf(", ");
		say_to(stdout, state);
	}
}

/* Return: how wide it is, in bytes. */
static int print_name(const json_t *place)
{
	const char *name = record_text(place, "sym");
	uint64_t value;
	int width;

	if (!name)
		return record_number(place, "pc", &value) ||
				       record_number(place, "addr", &value) ?
			       printf("0x%" PRIx64, value) :
			       printf("?");
	say_to(stdout, name);
	width = (int)strlen(name);
	if (record_number(place, "symoff", &value))
		width += printf("+0x%" PRIx64, value);
	return width;
}

static int print_object(const json_t *place)
{
	const char *path = record_text(place, "obj");
	uint64_t offset;
	int width;

	if (!path)
		return 0;
	say_to(stdout, say_base_name(path));
	width = (int)strlen(say_base_name(path));
	/* what has no name has at least a place that others can look up */
	if (!record_text(place, "sym") && record_number(place, "off", &offset))
		width += printf("+0x%" PRIx64, offset);
	return width;
}

/* "/src/log.c:12:3" */
static void print_place(const json_t *place)
{
	const char *file = record_text(place, "file");
	uint64_t line, column;

	if (!file || !record_number(place, "line", &line))
		return;
	say_to(stdout, file);
	printf(":%" PRIu64, line);
	if (record_number(place, "column", &column))
		printf(":%" PRIu64, column);
}

static void print_remarks(const json_t *place)
{
	static const struct {
		const char *key, *text;
	} remarks[] = {
		{ "guess", "a guess" },
		{ "signal", "a signal came here" },
		{ "changed", "the file was another by then" },
	};

	for (size_t i = 0; i < sizeof(remarks) / sizeof(remarks[0]); i++)
		if (record_flag(place, remarks[i].key))
			printf("  [%s]", remarks[i].text);
	if (json_is_false(json_object_get(place, "verified")))
		printf("  [not verified]");
}

/* A lock at the start of its variable is that variable; code at a start is worth saying. */
void show_report_lock(const json_t *lock)
{
	const char *name = record_text(lock, "sym");
	uint64_t offset;

	if (name && record_number(lock, "symoff", &offset) && offset == 0) {
		say_to(stdout, name);
		return;
	}
	if (!name)
		printf("at ");
	print_name(lock);
}

void show_report_site(const json_t *frame)
{
	print_name(frame);
	if (record_text(frame, "obj")) {
		printf(" (");
		print_object(frame);
		printf(")");
	}
	if (record_text(frame, "file"))
		putchar(' ');
	print_place(frame);
	print_remarks(frame);
}

static void print_title(const char *title)
{
	printf("  %-9s", title);
}

void show_report_site_line(const char *title, const json_t *frame)
{
	if (!json_is_object(frame))
		return;
	print_title(title);
	show_report_site(frame);
	putchar('\n');
}

void show_report_lock_line(const char *title, const json_t *lock)
{
	const char *build_id = record_text(lock, "bid");
	uint64_t address;

	if (!json_is_object(lock))
		return;
	print_title(title);
	show_report_lock(lock);
	if (record_text(lock, "sym") && record_number(lock, "addr", &address))
		printf(" at 0x%" PRIx64, address);
	if (record_text(lock, "obj")) {
		printf(" (");
		print_object(lock);
		if (build_id) {
			printf(", build-id ");
			say_to(stdout, build_id);
		}
		printf(")");
	}
	if (record_text(lock, "file"))
		putchar(' ');
	print_place(lock);
	print_remarks(lock);
	putchar('\n');
}

static void pad(int width, int column)
{
	printf("%*s", width < column ? column - width : 1, "");
}

/* What stands behind the name, which is so wide. */
static void print_rest(const json_t *frame, const json_t *spot, int width)
{
	if (record_text(frame, "obj"))
		pad(width, NAME_WIDTH);
	width = print_object(frame);
	if (record_text(spot, "file"))
		pad(width, OBJECT_WIDTH);
	print_place(spot);
	print_remarks(frame);
}

static void print_inlined(const json_t *frame, const json_t *inlined)
{
	static const char mark[] = " (inlined)";
	int width = print_name(inlined);

	printf("%s", mark);
	print_rest(frame, inlined, width + (int)sizeof(mark) - 1);
	putchar('\n');
}

/* The function that took it, as far as the two addresses tell. */
static bool is_same_function(const json_t *frame, const json_t *taker)
{
	const char *name = record_text(frame, "sym"), *other = record_text(taker, "sym");
	uint64_t offset, other_offset, distance, other_distance;

	return name && other && !strcmp(name, other) &&
	       record_number(frame, "off", &offset) &&
	       record_number(taker, "off", &other_offset) &&
	       record_number(frame, "symoff", &distance) &&
	       record_number(taker, "symoff", &other_distance) &&
	       offset - distance == other_offset - other_distance;
}

static void print_frame(size_t number, const json_t *frame, const json_t *taker)
{
	const json_t *list = json_object_get(frame, "inlined");
	char label[16];

	if (record_flag(frame, "gap"))
		printf("           ... frames are missing here\n");
	snprintf(label, sizeof(label), "#%zu", number);
	for (size_t i = 0; i < json_array_size(list) && i < SPOTS_MAX; i++) {
		printf("           %-4s", label);
		print_inlined(frame, json_array_get(list, i));
		label[0] = '\0';
	}
	printf("           %-4s", label);
	print_rest(frame, frame, print_name(frame));
	printf("%s\n", taker ? "   <- took the lock" : "");
}

/* Recursion makes it uncertain which; then none is marked. */
static size_t find_taker(const json_t *frames, const json_t *taker)
{
	size_t found = SIZE_MAX;

	for (size_t i = 0; taker && i < json_array_size(frames); i++) {
		if (!is_same_function(json_array_get(frames, i), taker))
			continue;
		if (found != SIZE_MAX)
			return SIZE_MAX;
		found = i;
	}
	return found;
}

static void print_end(const json_t *thread, size_t count)
{
	const char *end = record_text(thread, "end");

	if (count > LISTED)
		printf("           ... %zu more\n", count - LISTED);
	if (record_flag(thread, "complete") || !end)
		return;
	printf("           %s", count ? "... " : "no stack: ");
	say_to(stdout, end);
	putchar('\n');
}

void show_report_stack(const json_t *thread, const json_t *taker)
{
	const json_t *frames = json_object_get(thread, "frames");
	size_t count = json_array_size(frames), found = find_taker(frames, taker);

	for (size_t i = 0; i < count && i < LISTED; i++)
		print_frame(i, json_array_get(frames, i), i == found ? taker : NULL);
	print_end(thread, count);
}
