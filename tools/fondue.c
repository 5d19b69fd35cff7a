/* SPDX-License-Identifier: MIT */
/*
 * fondue.c - the command: a table of commands
 *
 * Each lives in a file cmd-NAME.c, which exports one struct command; adding one means
 * adding a line here and one in meson.build. Help comes from the table. Data go to
 * standard output, complaints to standard error (`say`).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fondue/shared.h>

#include "command.h"
#include "memory.h"
#include "say.h"

static const struct command *const commands[] = {
	&command_run,
	&command_suggest,
	&command_check,
	&command_annotate,
	&command_plan,
	&command_locks,
	&command_report,
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int unknown(const char *name)
{
	say("there is no command '%s'; `fondue --help` lists them", name);
	return STATUS_USAGE;
}

int command_help(const struct command *command)
{
	printf("usage: fondue %s %s", command->name, command->help);
	return 0;
}

int command_misused(const struct command *command, int option, char **argv)
{
	const char letter[] = { '-', (char)optopt, '\0' };
	bool is_letter = option == '?' && optopt > 0;

	say("%s: option %s %s; see `fondue %s --help`", command->name,
		is_letter ? letter : argv[optind - 1],
		option == ':' ? "needs an argument" : "is not understood", command->name);
	return command->usage_status;
}

static int print_table(FILE *file)
{
	fputs("usage: fondue COMMAND ARG...\n\nOne pot, many forks: globals that a fork() "
	      "family shares.\n\n",
		file);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(file, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("  help       explain a command: `fondue help COMMAND`\n\n"
	      "More: `man fondue`, and for programmers `man 7 fondue`.\n",
		file);
	return 0;
}

static int help(const char *name)
{
	const struct command *command;

	if (!name)
		return print_table(stdout);
	command = find_command(name);
	return command ? command_help(command) : unknown(name);
}

static int dispatch(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_table(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
		!strcmp(argv[1], "help"))
		return help(argc > 2 ? argv[2] : NULL);
	if (!strcmp(argv[1], "--version")) {
		puts("fondue " FONDUE_VERSION_STRING);
		return 0;
	}
	command = find_command(argv[1]);
	if (!command)
		return unknown(argv[1]);
	memory_failure_status = command->failure_status;
	return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int status = dispatch(argc, argv);

	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	say("standard output: %m; what was printed is not complete");
	return memory_failure_status;
}
