/* SPDX-License-Identifier: MIT */
/*
 * cmd-locks.c - fondue locks: who holds what in a running family, and who waits
 *
 * A lock that is held too long tells of itself, if somebody waits for it. This is for all
 * other cases: nobody waits; nobody has set a limit; one wants to know now. The family is
 * only read. Nothing is stopped, signalled or written.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "command.h"
#include "memory.h"
#include "say.h"
#include "show-locks.h"

/* Longer than anybody wants, and fits what poll(2) takes. */
#define INTERVAL_MAX_S 1000000

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "stacks", no_argument, NULL, 's' },
	{ "watch", optional_argument, NULL, 'w' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* What is wanted of each look. */
struct wish {
	bool json, stacks;
};

static int cannot_look(pid_t pid, char *why)
{
	say("locks: pid %d: %s", pid, why);
	free(why);
	return 1;
}

static bool show(const struct family *family, struct wish wish)
{
	struct snapshot snapshot;

	if (!locks_look(&snapshot, family))
		return false;
	if (wish.json)
		show_locks_json(&snapshot, wish.stacks);
	else
		show_locks_text(&snapshot, wish.stacks);
	locks_free(&snapshot);
	return true;
}

/* Return: NULL, or why not; to be freed. */
static char *look_once(pid_t pid, struct wish wish)
{
	struct family family;
	char *why = family_find(&family, pid);

	if (why || show(&family, wish))
		return why;
	/* it could be read a moment ago */
	why = family_find(&family, pid);
	return why ? why : memory_copy("its registry cannot be read any more");
}

/*
 * Each time the registry is looked for anew: exec leaves it behind. The descriptor tells
 * of the end of this very process, whatever takes its number next; -1 tells nothing.
 */
static int watch(pid_t pid, int interval_ms, struct wish wish)
{
	struct pollfd process = { .fd = (int)syscall(SYS_pidfd_open, pid, 0),
		.events = POLLIN };

	for (bool again = false;; again = true) {
		char *why;

		if (again && !wish.json)
			putchar('\n');
		why = look_once(pid, wish);
		if (why && again && (poll(&process, 1, 0) > 0 || process_has_ended(pid))) {
			free(why);
			return 0;
		}
		if (why)
			return cannot_look(pid, why);
		if (fflush(stdout) != 0)
			return 1; /* main() says it */
		if (poll(&process, 1, interval_ms) > 0)
			return 0;
	}
}

static int look(pid_t pid, struct wish wish)
{
	char *why = look_once(pid, wish);

	return why ? cannot_look(pid, why) : 0;
}

/* Return: ms; 0: that is no interval. */
static int parse_interval(const char *text)
{
	char *end;
	double seconds;

	if (!text)
		return 1000;
	seconds = strtod(text, &end);
	if (end == text || *end || strspn(text, "0123456789.") != strlen(text) ||
		!(seconds >= 0.001) || seconds > INTERVAL_MAX_S)
		return 0;
	return (int)(seconds * 1000 + 0.5);
}

static int run_on(const char *text, int interval_ms, struct wish wish)
{
	pid_t pid;

	if (!process_number(text, &pid)) {
		say("locks: %s: it is no process id, which is a number above 0; pgrep(1) finds "
		    "it by name",
			text);
		return STATUS_USAGE;
	}
	return interval_ms ? watch(pid, interval_ms, wish) : look(pid, wish);
}

static int run(int argc, char **argv)
{
	struct wish wish = { .json = false };
	int option, interval_ms = 0;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			wish.json = true;
			break;
		case 's':
			wish.stacks = true;
			break;
		case 'w':
			interval_ms = parse_interval(optarg);
			if (interval_ms)
				break;
			say("locks: --watch=%s: it wants seconds, such as 2 or 0.5", optarg);
			return STATUS_USAGE;
		case 'h':
			return command_help(&command_locks);
		default:
			return command_misused(&command_locks, option, argv);
		}
	}
	if (optind + 1 != argc) {
		say("locks: one process id is wanted; see `fondue locks --help`");
		return STATUS_USAGE;
	}
	return run_on(argv[optind], interval_ms, wish);
}

const struct command command_locks = {
	.name = "locks",
	.run = run,
	.summary = "list the locks of a running family that are held, by whom, and who waits",
	.help = "[--json] [--stacks] [--watch[=SECONDS]] PID\n\n"
		"List every lock that a process or thread of the family of process PID\n"
		"holds or waits for: owner, where it was taken, how long, and who waits.\n"
		"The one that is waited for longest comes first. The family is only read,\n"
		"and runs on.\n\n"
		"  --json              print one JSON document instead of text\n"
		"  --stacks            show where the owners are that sleep or wait: their stacks\n"
		"  --watch[=SECONDS]   again each second, or so often, until PID ends\n\n"
		"Exit status: 0 it has been looked at, whether locks are held or not; 1\n"
		"PID cannot be looked at; 2 wrong options, or PID is no process id.\n",
	.usage_status = STATUS_USAGE,
	.failure_status = 1,
};
