/* SPDX-License-Identifier: MIT */
/*
 * cmd-suggest.c - fondue suggest: run a program, and say which globals its children lose
 *
 * Standard output is the program's, and so is the exit status: the answer goes to standard
 * error behind all that the program has said there, or into a file. To know who reads a
 * variable takes a second run, and a run may send mail or delete files: so that is done only
 * if it is asked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "judge-spell.h"
#include "program.h"
#include "say.h"
#include "show-suggest.h"

/* A child that lives for a second is seen twice, at no cost: it is not stopped for it. */
#define SAMPLE_MS  500
#define NUMBER_MAX 1000000000

static const struct option options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "json", no_argument, NULL, 'j' },
	{ "twice", no_argument, NULL, 't' },
	{ "sample-ms", required_argument, NULL, 'm' },
	{ "limit", required_argument, NULL, 'l' },
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct wanted {
	bool all, as_json, twice;
	unsigned sample_ms, limit_s;
	const char *output;
	FILE *file;
};

static bool read_number(const char *option, const char *text, unsigned *ret)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value > NUMBER_MAX) {
		say("suggest: %s=%s: it is a number up to %d", option, text, NUMBER_MAX);
		return false;
	}
	*ret = (unsigned)value;
	return true;
}

/* Before the program runs: what it has done cannot be done again for want of a file. */
static bool open_output(struct wanted *wanted)
{
	wanted->file = wanted->output ? fopen(wanted->output, "we") : stderr;
	if (!wanted->file)
		say("suggest: %s: %m", wanted->output);
	return wanted->file;
}

static int close_output(const struct wanted *wanted, int status)
{
	bool is_good = fflush(wanted->file) == 0 && !ferror(wanted->file);

	if (wanted->output && fclose(wanted->file) != 0)
		is_good = false;
	if (!is_good && wanted->output)
		say("suggest: %s: %m; what was written is not complete", wanted->output);
	return is_good ? status : STATUS_RUN_FAILED;
}

static int cannot_start(const char *name)
{
	int error = errno;

	say("suggest: %s: %s%s", name, error == EACCES ? "it may not be executed" : "not found",
		strchr(name, '/') ? "" : " along PATH; for a file here: ./NAME");
	return error == EACCES ? STATUS_NOT_EXECUTABLE : STATUS_NOT_FOUND;
}

/* Is there any use in a second run? */
static bool has_question(const struct judgement *judgement, struct observe_options *observing)
{
	judge_pick(judgement, observing);
	return observing->watched_count > 0;
}

/*
 * The program shares our standard input with all its offset: what it has read of a file is read
 * again. Of a pipe there is only what was left.
 */
static void rewind_input(const char *name, off_t offset)
{
	struct stat status;

	if (offset >= 0)
		lseek(STDIN_FILENO, offset, SEEK_SET);
	else if (fstat(STDIN_FILENO, &status) == 0 && !isatty(STDIN_FILENO))
		say("suggest: %s: the second run finds its standard input read; give it a file",
			name);
}

static bool run_twice(struct judgement *judgement, struct observe_options *observing,
	char *const *argv, off_t input)
{
	static struct seen again;
	const char *why;

	if (!has_question(judgement, observing))
		return true;
	if (judgement->seen->left) {
		say("suggest: %s: no second run: processes of the first still run", argv[0]);
		return false;
	}
	say("suggest: %s is run once more, to see who reads", argv[0]);
	rewind_input(argv[0], input);
	why = observe(argv, observing, &again);
	if (why)
		say("suggest: %s: no second run: %s", argv[0], why);
	else if (!again.has_watched)
		say("suggest: debug registers cannot be used here: it stays unknown who reads");
	else
		judge_again(judgement, &again);
	return !why && again.has_watched;
}

static int suggest(struct wanted *wanted, char *const *argv)
{
	struct observe_options observing = { .sample_ms = wanted->sample_ms,
		.limit_s = wanted->limit_s };
	const char *path = program_find(argv[0]), *why;
	struct judgement judgement;
	struct suggestion suggestion = { &judgement, argv, wanted->all, false };
	struct seen seen;
	off_t input = lseek(STDIN_FILENO, 0, SEEK_CUR);

	if (!path)
		return cannot_start(argv[0]);
	if (!open_output(wanted))
		return STATUS_RUN_FAILED;
	why = observe(argv, &observing, &seen);
	if (why) {
		say("suggest: %s: %s", argv[0], why);
		return STATUS_RUN_FAILED;
	}
	judge(&seen, &judgement);
	if (wanted->twice)
		suggestion.is_twice = run_twice(&judgement, &observing, argv, input);
	spell_findings(&judgement, path);
	if (wanted->as_json)
		show_suggest_json(wanted->file, &suggestion);
	else
		show_suggest_text(wanted->file, &suggestion);
	return close_output(wanted, seen.status);
}

/* Return: false: it does not make sense, and that has been said. */
static bool obey(struct wanted *wanted, int option)
{
	switch (option) {
	case 'a':
		wanted->all = true;
		return true;
	case 'j':
		wanted->as_json = true;
		return true;
	case 't':
		wanted->twice = true;
		return true;
	case 'm':
		return read_number("--sample-ms", optarg, &wanted->sample_ms);
	case 'l':
		return read_number("--limit", optarg, &wanted->limit_s);
	default:
		wanted->output = optarg;
		return true;
	}
}

static int run(int argc, char **argv)
{
	struct wanted wanted = { .sample_ms = SAMPLE_MS };
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:o:h", options, NULL)) != -1) {
		if (option == 'h')
			return command_help(&command_suggest);
		if (option == '?' || option == ':')
			return command_misused(&command_suggest, option, argv);
		if (!obey(&wanted, option))
			return STATUS_RUN_FAILED;
	}
	if (optind == argc) {
		say("suggest: a program is wanted; see `fondue suggest --help`");
		return STATUS_RUN_FAILED;
	}
	return suggest(&wanted, argv + optind);
}

const struct command command_suggest = {
	.name = "suggest",
	.run = run,
	.summary = "run a program; say which globals its forked children change for nobody",
	.help = "[--all] [--json] [-o FILE] [--twice] [--sample-ms=N] [--limit=S]\n"
		"                      [--] PROGRAM ARG...\n\n"
		"Run PROGRAM as it is, watch its forked children, and list the globals that\n"
		"they change and nobody else ever sees: the candidates for FONDUE_SHARED and\n"
		"`fondue run --share=`. The answer goes to standard error when PROGRAM ends;\n"
		"Ctrl-C ends a server.\n\n"
		"  --all                  list what is left alone, too, and all reasons\n"
		"  --json                 write one JSON document instead of text\n"
		"  -o FILE, --output=FILE write the answer there\n"
		"  --twice                run PROGRAM once more, to see who reads what was lost\n"
		"  --sample-ms=N          look at living children this often (500; 0: not)\n"
		"  --limit=S              end PROGRAM after S seconds\n\n"
		"Exit status: PROGRAM's own; 125 fondue failed; 126 PROGRAM cannot be\n"
		"executed; 127 it is not found.\n",
	.usage_status = STATUS_RUN_FAILED,
	.failure_status = STATUS_RUN_FAILED,
};
