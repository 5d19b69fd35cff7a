/* SPDX-License-Identifier: MIT */
/*
 * command.h - what a command of `fondue` is, and the statuses they end with
 */
#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The command line was not understood, by any command but `run`. */
#define STATUS_USAGE 2

/* Of `run`, whose other statuses are the program's: as env(1) and timeout(1) have it. */
#define STATUS_RUN_FAILED     125
#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND      127

struct command {
	const char *name;
	/* argv[0] is the name of the command; return the exit status */
	int (*run)(int argc, char **argv);
	const char *summary; /* one line for the table of commands */
	const char *help;    /* everything behind "usage: fondue NAME " */
	int usage_status;    /* when the command line is not understood */
	int failure_status; /* when there is no memory, or the output cannot be written */
};

extern const struct command command_annotate;
extern const struct command command_check;
extern const struct command command_locks;
extern const struct command command_plan;
extern const struct command command_report;
extern const struct command command_run;
extern const struct command command_suggest;

/* Print what `fondue help NAME` prints, to standard output; return 0. */
int command_help(const struct command *command);

/*
 * command_misused() - say which option getopt_long() did not understand
 * @option: what it returned: '?', or ':' for an argument that is missing
 *
 * For use with opterr = 0 and an option string that begins with "+:". Return: the status.
 */
int command_misused(const struct command *command, int option, char **argv);
