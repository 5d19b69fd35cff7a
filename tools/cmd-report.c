/* SPDX-License-Identifier: MIT */
/*
 * cmd-report.c - fondue report: the runtime's records, with the lines of the source
 *
 * A report is written by somebody who waits, in a process that has better things to do: it
 * has addresses, and names as far as they are cheap. The rest is done here, later, on this
 * machine or another one that has the files. The input may be a whole log; its records are
 * read one by one and shown as they come, so that one can be watched, too.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "annotate.h"
#include "aside.h"
#include "command.h"
#include "edition.h"
#include "lines.h"
#include "memory.h"
#include "record.h"
#include "say.h"
#include "show-report.h"

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "sysroot", required_argument, NULL, 's' },
	{ "debug-dir", required_argument, NULL, 'd' },
	{ "debuginfod", no_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct reading {
	const char *name; /* of the file, for complaints */
	bool as_json;
	bool has_shown;		     /* something, of any file */
	size_t counts[RECORD_KINDS]; /* of lines, by kind */
	char *unknown;		     /* the first record that is not known, in words */
};

/* "event "frob", version 2" */
static char *describe(const json_t *record)
{
	const char *event = record_text(record, "ev");
	uint64_t version;

	if (!record_number(record, "v", &version))
		return memory_copy("one without a version");
	return memory_format("version %lu, event \"%.40s\"", (unsigned long)version,
		event ? event : "");
}

static void show(struct reading *reading, json_t *record)
{
	annotate(record);
	if (reading->as_json) {
		show_report_json(record);
	} else {
		if (reading->has_shown)
			putchar('\n');
		show_report_text(record);
	}
	reading->has_shown = true;
	/* somebody may read along */
	fflush(stdout);
}

static void read_line(struct reading *reading, const struct line *line)
{
	enum record_kind kind = RECORD_TEXT;
	json_t *record = NULL;

	if (line->length == 0)
		return;
	if (!line->is_cut)
		kind = record_read(line->text, line->length, &record);
	reading->counts[kind]++;
	if (kind == RECORD_GOOD)
		show(reading, record);
	else if (kind == RECORD_UNKNOWN && !reading->unknown)
		reading->unknown = describe(record);
	json_decref(record);
}

static char *add_count(char *text, size_t count, const char *what)
{
	char *longer;

	if (!count)
		return text;
	longer = memory_format("%s%s%zu %s", text, *text ? ", " : "", count, what);
	free(text);
	return longer;
}

/* What was passed over, in one line for the whole file. */
static void say_skipped(const struct reading *reading)
{
	const size_t *counts = reading->counts;
	char *text = memory_copy("");

	text = add_count(text, counts[RECORD_TEXT], "of other text");
	text = add_count(text, counts[RECORD_DAMAGED], "cut off or damaged");
	text = add_count(text, counts[RECORD_OTHER], "of other JSON");
	text = add_count(text, counts[RECORD_UNKNOWN], "of a kind that is not known here");
	if (*text)
		say("report: %s: lines passed over: %s%s%s%s", reading->name, text,
			reading->unknown ? " (" : "",
			reading->unknown ? reading->unknown : "",
			reading->unknown ? "; is there a newer fondue?)" : "");
	free(text);
}

static void say_none(const struct reading *reading)
{
	say("report: %s: no report is in it; the runtime writes them as JSON with "
	    "FONDUE_REPORT_FORMAT=json or FONDUE_REPORT_DIR, see fondue(7)",
		reading->name);
}

static bool read_all(struct reading *reading, FILE *file)
{
	struct line line = { 0 };

	while (lines_next(&line, file))
		read_line(reading, &line);
	free(line.text);
	say_skipped(reading);
	if (!reading->counts[RECORD_GOOD] && !ferror(file))
		say_none(reading);
	if (!ferror(file))
		return true;
	say("report: %s: %m; what was printed of it is not complete", reading->name);
	return false;
}

/* Return: has all of it been read? */
static bool report(const char *path, bool as_json, bool *has_shown)
{
	bool is_stdin = !strcmp(path, "-"), is_good;
	struct reading reading = { .name = is_stdin ? "standard input" : path,
		.as_json = as_json, .has_shown = *has_shown };
	FILE *file = is_stdin ? stdin : fopen(path, "re");

	if (!file) {
		say("report: %s: %m", path);
		return false;
	}
	is_good = read_all(&reading, file);
	if (!is_stdin)
		fclose(file);
	free(reading.unknown);
	*has_shown = reading.has_shown;
	return is_good;
}

static int report_all(char **paths, bool as_json, const struct edition_places *places)
{
	bool is_good = true, has_shown = false;

	edition_look_in(places);
	aside_begin(places->asks_network);
	for (; *paths; paths++)
		is_good &= report(*paths, as_json, &has_shown);
	aside_end();
	return is_good && has_shown ? 0 : 1;
}

/* Absolute, since libdwfl takes others for directories beside each file. */
static const char *directory(const char *option, const char *path)
{
	const char *absolute = realpath(path, NULL);

	if (!absolute)
		say("report: --%s=%s: %m", option, path);
	return absolute;
}

static bool add_debug_dir(struct edition_places *places, const char *path)
{
	path = directory("debug-dir", path);
	places->debug_dirs = memory_grow(places->debug_dirs, places->debug_dir_count,
		sizeof(*places->debug_dirs));
	places->debug_dirs[places->debug_dir_count++] = path;
	return path != NULL;
}

static bool set_network(struct edition_places *places)
{
	places->asks_network = true;
	if (getenv("DEBUGINFOD_URLS"))
		return true;
	say("report: --debuginfod: no server is named in DEBUGINFOD_URLS, see debuginfod(8)");
	return false;
}

static int run(int argc, char **argv)
{
	struct edition_places places = { 0 };
	bool as_json = false, is_good = true;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			as_json = true;
			break;
		case 's':
			places.sysroot = directory("sysroot", optarg);
			is_good &= places.sysroot != NULL;
			break;
		case 'd':
			is_good &= add_debug_dir(&places, optarg);
			break;
		case 'n':
			is_good &= set_network(&places);
			break;
		case 'h':
			return command_help(&command_report);
		default:
			return command_misused(&command_report, option, argv);
		}
	}
	if (optind == argc)
		say("report: a file is wanted, or - for standard input; see `fondue report "
		    "--help`");
	if (!is_good || optind == argc)
		return STATUS_USAGE;
	return report_all(argv + optind, as_json, &places);
}

const struct command command_report = {
	.name = "report",
	.run = run,
	.summary = "show reports of locks held too long, with the lines of the source",
	.help = "[--json] [--sysroot=DIR] [--debug-dir=DIR]... [--debuginfod] FILE...\n\n"
		"Show the reports in each FILE (- is standard input), which the runtime writes\n"
		"with FONDUE_REPORT_FORMAT=json or FONDUE_REPORT_DIR, with file and line of\n"
		"each frame and the functions inlined there. A program or library counts only\n"
		"if its build-id is the one in the report. Other lines are passed over.\n\n"
		"  --json           print the same reports as JSON, one a line\n"
		"  --sysroot=DIR    look for programs and libraries below DIR first\n"
		"  --debug-dir=DIR  look for debug information below DIR/.build-id, too\n"
		"  --debuginfod     ask the servers that DEBUGINFOD_URLS names\n\n"
		"Exit status: 0 all was read; 1 there was no report at all, or a file could not\n"
		"be read; 2 wrong options.\n",
	.usage_status = STATUS_USAGE,
	.failure_status = 1,
};
