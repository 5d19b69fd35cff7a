/* SPDX-License-Identifier: MIT */
/*
 * cmd-run.c - fondue run: the library into LD_PRELOAD, and the program in our place
 *
 * Nothing is left of this process when the program runs: its pid, its signals, its
 * descriptors and its exit status are its own. Before that, one look at the file: where a
 * preload would do nothing (`obstacle`), one line says so, and the program runs all the
 * same; unless it was asked for with FONDUE_STRICT that nothing run private.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "memory.h"
#include "obstacle.h"
#include "preload.h"
#include "program.h"
#include "say.h"
#include "share.h"

/* As FONDUE_HOLD_MS. */
#define HOLD_MS_MAX 1000000000

/* The kernel follows as many #! lines. */
#define SCRIPT_DEPTH 5

static const struct option options[] = {
	{ "log", required_argument, NULL, 'l' },
	{ "hold-ms", required_argument, NULL, 'm' },
	{ "report-dir", required_argument, NULL, 'd' },
	{ "report-format", required_argument, NULL, 'f' },
	{ "share", required_argument, NULL, 'n' },
	{ "share-page", required_argument, NULL, 'p' },
	{ "yes", no_argument, NULL, 'y' },
	{ "strict", no_argument, NULL, 's' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void set(const char *name, const char *value)
{
	if (setenv(name, value, 1) == 0)
		return;
	say("run: out of memory");
	exit(STATUS_RUN_FAILED);
}

/* The program may change its directory before the first message. */
static bool set_path(const char *name, const char *option, const char *path)
{
	char *directory;

	if (*path == '/') {
		set(name, path);
		return true;
	}
	directory = *path ? getcwd(NULL, 0) : NULL;
	if (!directory) {
		say("run: %s=%s: %s", option, path,
			*path ? strerror(errno) : "it has no name");
		return false;
	}
	set(name, memory_format("%s/%s", directory, path));
	free(directory);
	return true;
}

static bool set_format(const char *format)
{
	if (strcmp(format, "text") && strcmp(format, "json")) {
		say("run: --report-format=%s: it is text or json", format);
		return false;
	}
	set("FONDUE_REPORT_FORMAT", format);
	return true;
}

/* The runtime would only say that it ignores what it does not understand. */
static bool set_hold_ms(const char *text)
{
	unsigned long value = 0;

	for (const char *c = text; *c >= '0' && *c <= '9' && value <= HOLD_MS_MAX; c++)
		value = value * 10 + (*c - '0');
	if (!*text || text[strspn(text, "0123456789")] || value > HOLD_MS_MAX) {
		say("run: --hold-ms=%s: it is a number of milliseconds, up to %d, or 0: never",
			text, HOLD_MS_MAX);
		return false;
	}
	set("FONDUE_HOLD_MS", text);
	return true;
}

/* What is started in the end: of a script, its interpreter's interpreter. */
static const char *resolve(const char *path, bool *ret_script)
{
	const char *interpreter = NULL;

	*ret_script = false;
	for (unsigned i = 0; i < SCRIPT_DEPTH; i++) {
		switch (program_kind(path, &interpreter)) {
		case PROGRAM_ELF:
			return path;
		case PROGRAM_SCRIPT:
			path = interpreter;
			break;
		case PROGRAM_OTHER:
			path = "/bin/sh";
			break;
		case PROGRAM_UNREADABLE:
			return NULL;
		}
		*ret_script = true;
	}
	return NULL;
}

static bool is_strict(void)
{
	const char *strict = getenv("FONDUE_STRICT");

	return strict && !strcmp(strict, "1");
}

/* "NAME,NAME": to be shared in a program as it is, alone or with their pages. NULL: none. */
static const char *shared_names, *shared_pages;
static bool is_sure; /* --yes */

static bool has_names(void)
{
	return shared_names || shared_pages;
}

/* Modules may come that are annotated; then the runtime itself is strict. */
static bool is_fatal(enum obstacle obstacle)
{
	return obstacle && obstacle != OBSTACLE_NOT_ANNOTATED && (is_strict() || has_names());
}

static void remark(const char *name, const struct object *object, enum obstacle obstacle,
	bool is_script)
{
	const char *consequence = "nothing will be shared";
	const char *cure = obstacle_cure(obstacle, object);

	if (obstacle_forbids_preload(obstacle)) {
		consequence = "LD_PRELOAD stays as it is, and nothing will be shared";
	} else if (obstacle == OBSTACLE_NOT_ANNOTATED) {
		consequence = "only what it loads or executes later can be shared";
		cure = memory_format("see `fondue check %s`", name);
	}
	say("%s%s%s: %s; %s%s; %s", name, is_script ? ": its interpreter " : "",
		is_script ? object->path : "", obstacle_cause(obstacle, object),
		consequence,
		!is_fatal(obstacle) ? "" :
		shared_names	    ? ", so it is not started (--share)" :
		shared_pages	    ? ", so it is not started (--share-page)" :
				      ", so it is not started (FONDUE_STRICT)",
		cure);
}

/* Return: an obstacle that counts. What brings its own runtime needs no preload. */
static enum obstacle find_obstacle(
	const struct object *object, bool is_script, bool *ret_preload)
{
	enum obstacle obstacle = obstacle_of(object);

	*ret_preload = !obstacle_forbids_preload(obstacle);
	if (obstacle)
		return object_has_runtime(object) ? OBSTACLE_NONE : obstacle;
	return !is_script && obstacle_not_annotated(object) ? OBSTACLE_NOT_ANNOTATED :
							      OBSTACLE_NONE;
}

/* Set LD_PRELOAD, or say why not. Return: may the program start? */
static bool prepare(const char *name, const char *path, const char *library)
{
	bool is_script, preload = true;
	struct object object;
	enum obstacle obstacle = OBSTACLE_NONE;
	const char *file = resolve(path, &is_script);

	/* what cannot be looked at is nothing special, until it is started */
	if (file && !object_open(&object, file)) {
		obstacle = find_obstacle(&object, is_script, &preload);
		if (has_names() && obstacle == OBSTACLE_NOT_ANNOTATED)
			obstacle = OBSTACLE_NONE;
		if (obstacle)
			remark(name, &object, obstacle, is_script);
		object_close(&object);
	}
	if (preload)
		preload_append(library);
	return !is_fatal(obstacle);
}

/* Return: false: what was asked for by name cannot be done. */
static bool share(const char *path)
{
	bool is_script;
	const char *file = has_names() ? resolve(path, &is_script) : NULL;

	file = file ? file : path;
	return (!shared_names || share_names(file, shared_names)) &&
	       (!shared_pages || share_pages(file, shared_pages, is_sure));
}

static int cannot_run(const char *name, const char *path)
{
	int error = errno;
	const char *interpreter = NULL;

	if (path && error == ENOENT && program_kind(path, &interpreter) == PROGRAM_SCRIPT)
		say("run: %s: its interpreter %s does not exist", name, interpreter);
	else if (path && error == ENOENT)
		say("run: %s: the loader that it names does not exist", name);
	else if (error == ENOENT)
		say("run: %s: not found%s", name,
			strchr(name, '/') ? "" : " along PATH; for a file here: ./NAME");
	else
		say("run: %s: cannot be executed: %s", name, strerror(error));
	return error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

static int start(char **argv)
{
	const char *library = preload_library();
	const char *path, *interpreter = NULL;

	if (!library)
		return STATUS_RUN_FAILED;
	path = program_find(argv[0]);
	if (!path)
		return cannot_run(argv[0], NULL);
	if (!prepare(argv[0], path, library))
		return STATUS_NOT_FOUND;
	if (!share(path))
		return STATUS_RUN_FAILED;
	/* execvp() would have the shell read a program of another machine */
	if (program_kind(path, &interpreter) == PROGRAM_ELF)
		execv(path, argv);
	else
		execvp(argv[0], argv);
	return cannot_run(argv[0], path);
}

/* Return: false: it does not make sense, and that has been said. */
static bool obey(int option, const char *value)
{
	switch (option) {
	case 'l':
		return set_path("FONDUE_LOG", "--log", value);
	case 'd':
		return set_path("FONDUE_REPORT_DIR", "--report-dir", value);
	case 'f':
		return set_format(value);
	case 'm':
		return set_hold_ms(value);
	case 'n':
		shared_names = shared_names ? memory_format("%s,%s", shared_names, value) : value;
		return true;
	case 'p':
		shared_pages = shared_pages ? memory_format("%s,%s", shared_pages, value) : value;
		return true;
	case 'y':
		is_sure = true;
		return true;
	case 's':
		set("FONDUE_STRICT", "1");
		return true;
	default:
		set("FONDUE_VERBOSE", "1");
		return true;
	}
}

static int run(int argc, char **argv)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
		if (option == 'h')
			return command_help(&command_run);
		if (option == '?' || option == ':')
			return command_misused(&command_run, option, argv);
		if (!obey(option, optarg))
			return STATUS_RUN_FAILED;
	}
	if (optind == argc) {
		say("run: which program? see `fondue run --help`");
		return STATUS_RUN_FAILED;
	}
	return start(argv + optind);
}

const struct command command_run = {
	.name = "run",
	.run = run,
	.summary = "run a program with its annotated variables shared",
	.help = "[OPTION]... [--] PROGRAM ARG...\n\n"
		"Preload libfondue.so and execute PROGRAM in place of this command.\n\n"
		"  --hold-ms=N        report locks held longer than N ms (FONDUE_HOLD_MS); 0: none\n"
		"  --log=FILE         append the messages of the runtime to FILE (FONDUE_LOG)\n"
		"  --report-dir=DIR   keep reports there for `fondue report` (FONDUE_REPORT_DIR)\n"
		"  --report-format=F  reports for people, text, or programs, json\n"
		"                     (FONDUE_REPORT_FORMAT)\n"
		"  --share=NAME,...   share these variables of a program that is not rebuilt, or of\n"
		"                     OBJECT:NAME; see `fondue plan --help`\n"
		"  --share-page=NAME,...\n"
		"                     the same, by the whole pages that they lie in, where --share\n"
		"                     is refused; lists what else is shared so\n"
		"  --yes              also if that is better not shared\n"
		"  --strict           rather not run than run private (FONDUE_STRICT=1)\n"
		"  --verbose          say what is shared (FONDUE_VERBOSE=1)\n\n"
		"Exit status: PROGRAM's own; 127 it is not found, or strict and not\n"
		"shared; 126 it cannot be executed; 125 this command failed.\n",
	.usage_status = STATUS_RUN_FAILED,
	.failure_status = STATUS_RUN_FAILED,
};
