/* SPDX-License-Identifier: MIT */
/*
 * cmd-plan.c - fondue plan: all that refers to some variables of a program as it is
 *
 * The program is not run and not changed. What is found is proved or refused; a plan is
 * written only if all of it is proved.
 */
#include <errno.h>
#include <string.h>

#include "command.h"
#include "memory.h"
#include "plan-names.h"
#include "plan-show.h"
#include "program.h"
#include "say.h"

static const struct option options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "address", required_argument, NULL, 'a' },
	{ "debug-file", required_argument, NULL, 'd' },
	{ "explain", no_argument, NULL, 'e' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct wanted {
	const char *object;
	char **names;
	size_t name_count;
	const char **addresses;
	size_t address_count;
	const char *output, *debug_file;
	bool explain, as_json;
};

static const char *find(const char *name)
{
	const char *path = strchr(name, '/') ? name : program_find(name);

	if (!path)
		say("plan: %s: %s along PATH; for a file here: ./%s", name,
			errno == EACCES ? "not executable" : "not found", name);
	return path;
}

static bool choose(struct symbols *symbols, const struct wanted *wanted)
{
	struct complaints complaints = { 0 };

	for (size_t i = 0; i < wanted->name_count; i++)
		names_choose(symbols, wanted->names[i], &complaints);
	for (size_t i = 0; i < wanted->address_count; i++)
		names_choose_address(symbols, wanted->addresses[i], &complaints);
	for (size_t i = 0; i < complaints.count; i++)
		say("plan: %s: refused: %s", say_base_name(wanted->object),
			complaints.list[i]);
	return !complaints.count;
}

static int finish(const struct result *result, const struct wanted *wanted)
{
	bool is_proved = !result->places->refusal_count;
	const char *why = NULL;

	if (is_proved && wanted->output)
		why = result_write(result, wanted->output);
	if (wanted->as_json)
		show_plan_json(result, is_proved && !why ? wanted->output : NULL);
	else if (is_proved || wanted->explain)
		show_plan_text(result, wanted->explain);
	if (!is_proved)
		show_plan_refusals(result->places);
	if (why)
		say("plan: %s: %s; no plan is written", wanted->output, why);
	return is_proved && !why ? 0 : 1;
}

static int plan(const struct wanted *wanted)
{
	struct object object;
	struct bytes bytes;
	struct symbols symbols;
	struct places places = { .bytes = &bytes, .symbols = &symbols };
	struct result result;
	const char *path = find(wanted->object), *why;

	if (!path)
		return 1;
	why = object_open(&object, path);
	if (!why)
		why = bytes_read(&bytes, &object);
	if (why) {
		say("plan: %s: refused: %s", say_base_name(path), why);
		return 1;
	}
	why = symbols_read(&symbols, &bytes, wanted->debug_file);
	if (why) {
		say("plan: %s: %s", wanted->debug_file, why);
		return 1;
	}
	if (!choose(&symbols, wanted))
		return 1;
	result_make(&result, &places);
	return finish(&result, wanted);
}

static int run(int argc, char **argv)
{
	struct wanted wanted = { 0 };
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:o:h", options, NULL)) != -1) {
		switch (option) {
		case 'o':
			wanted.output = optarg;
			break;
		case 'a':
			wanted.addresses = memory_grow(wanted.addresses, wanted.address_count,
				sizeof(*wanted.addresses));
			wanted.addresses[wanted.address_count++] = optarg;
			break;
		case 'd':
			wanted.debug_file = optarg;
			break;
		case 'e':
			wanted.explain = true;
			break;
		case 'j':
			wanted.as_json = true;
			break;
		case 'h':
			return command_help(&command_plan);
		default:
			return command_misused(&command_plan, option, argv);
		}
	}
	if (optind == argc || (optind + 1 == argc && !wanted.address_count)) {
		say("plan: an object and names of its variables are wanted; see "
		    "`fondue plan --help`");
		return STATUS_USAGE;
	}
	wanted.object = argv[optind];
	wanted.names = argv + optind + 1;
	wanted.name_count = (size_t)(argc - optind - 1);
	return plan(&wanted);
}

const struct command command_plan = {
	.name = "plan",
	.run = run,
	.summary = "find all that refers to variables of a program that is not rebuilt",
	.help = "[-o FILE] [--explain] [--json] [--debug-file=FILE]\n"
		"                   [--address=0xADDRESS,SIZE]... OBJECT NAME...\n\n"
		"Find every reference to variables of OBJECT (a program, or the path of a\n"
		"library) and prove that there is no other, or refuse. NAME is as in the\n"
		"source or as in the symbol table; FILE.c:NAME or FUNCTION:NAME where there\n"
		"are several; `*` stands for anything.\n\n"
		"  -o FILE, --output=FILE        write the plan, for the runtime, there\n"
		"  --explain                     list each reference, and why it is one\n"
		"  --json                        print one JSON document instead of text\n"
		"  --debug-file=FILE             take symbols from there, too\n"
		"  --address=0xADDRESS,SIZE      a variable that has no symbol\n\n"
		"Exit status: 0 proved; 1 refused, or OBJECT cannot be read, or the plan\n"
		"cannot be written; 2 wrong options.\n",
	.usage_status = STATUS_USAGE,
	.failure_status = 1,
};
