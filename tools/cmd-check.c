/* SPDX-License-Identifier: MIT */
/*
 * cmd-check.c - fondue check: what will be shared, and what stands against it
 *
 * The program is not run. Everything is read from the files: by the same proof that the
 * runtime applies in the process, and by a look at what only files can tell.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "memory.h"
#include "program.h"
#include "say.h"
#include "show.h"

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* A library need not be executable, so what has a slash is a file, as it stands. */
static const char *find(const char *name)
{
	const char *path = strchr(name, '/') ? name : program_find(name);

	if (path)
		return path;
	say("check: %s: %s along PATH; for a file here: ./%s", name,
		errno == EACCES ? "not executable" : "not found", name);
	return NULL;
}

static int cannot_examine(const char *path, const char *why)
{
	const char *interpreter = NULL;

	if (program_kind(path, &interpreter) == PROGRAM_SCRIPT)
		say("check: %s: it is a script; check its interpreter: fondue check %s",
			path, interpreter);
	else
		say("check: %s: cannot be examined: %s", path, why);
	return 1;
}

static int check(const char *name, bool as_json)
{
	struct examination examination;
	const char *path = find(name);
	const char *why;

	if (!path)
		return 1;
	why = examine(&examination, path);
	if (why)
		return cannot_examine(path, why);
	if (as_json)
		show_json(&examination);
	else
		show_text(&examination);
	if (examination.verdict == VERDICT_NONE)
		say("check: %s: nothing is annotated in it or in its libraries; put "
		    "FONDUE_SHARED before a variable, see fondue(7)",
			path);
	return examination.verdict == VERDICT_SHARED ? 0 : 1;
}

static int run(int argc, char **argv)
{
	bool as_json = false;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			as_json = true;
			break;
		case 'h':
			return command_help(&command_check);
		default:
			return command_misused(&command_check, option, argv);
		}
	}
	if (optind + 1 != argc) {
		say("check: one program or library is wanted; see `fondue check --help`");
		return STATUS_USAGE;
	}
	return check(argv[optind], as_json);
}

const struct command command_check = {
	.name = "check",
	.run = run,
	.summary = "list a program's annotated variables; prove that they will be shared",
	.help = "[--json] PROGRAM\n\n"
		"List the annotated variables of PROGRAM (a path, or a name along PATH;\n"
		"or the path of a library) and of its libraries, and prove that they\n"
		"can be shared. What stands against it is named, with its cure.\n\n"
		"  --json       print one JSON document instead of text\n\n"
		"Exit status: 0 all that is annotated will be shared; 1 it will not, or\n"
		"nothing is annotated, or PROGRAM cannot be examined; 2 wrong options.\n",
	.usage_status = STATUS_USAGE,
	.failure_status = 1,
};
