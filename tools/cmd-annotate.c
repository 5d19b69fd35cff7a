/* SPDX-License-Identifier: MIT */
/*
 * cmd-annotate.c - fondue annotate: where the words would stand, and ways around writing them
 *
 * The source is the best place for an annotation: without an option the lines are printed
 * that would change. Where sources are not to be touched but are compiled, a header for
 * `-include` does the same; where object files are all there is, objcopy(1) does. For
 * programs that are linked already there is `fondue run --share`.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fondue/shared.h>

#include "command.h"
#include "json.h"
#include "memory.h"
#include "redeclare.h"
#include "relocatable.h"
#include "say.h"

enum way { WAY_LINES, WAY_HEADER, WAY_OBJCOPY };

static const struct option options[] = {
	{ "emit-header", no_argument, NULL, 'H' },
	{ "emit-objcopy", no_argument, NULL, 'O' },
	{ "file", required_argument, NULL, 'f' },
	{ "json", no_argument, NULL, 'j' },
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct wanted {
	enum way way;
	bool as_json;
	const char *path, *file, *output;
	char **names;
	size_t name_count;
	struct object object;
};

static bool refuse(const struct wanted *wanted, const char *name, const char *why)
{
	say("annotate: %s: %s: refused: %s", say_base_name(wanted->path), name, why);
	return false;
}

static bool is_twin(const struct definition *a, const struct definition *b)
{
	return a->place.address == b->place.address && a->unit && b->unit &&
	       !strcmp(a->unit, b->unit);
}

/* With --file, what other files define is not meant. Units may tell of a variable twice. */
static void narrow(struct definitions *definitions, const char *file)
{
	size_t kept = 0;

	for (size_t i = 0; i < definitions->count; i++) {
		struct definition *next = &definitions->list[i];
		bool is_known = false;

		for (size_t j = 0; j < kept; j++)
			is_known |= is_twin(&definitions->list[j], next);
		if (!is_known &&
			(!file || (next->unit && definition_is_file(next->unit, file))))
			definitions->list[kept++] = *next;
	}
	definitions->count = kept;
}

static bool find(struct definitions *ret, const struct wanted *wanted, const char *name)
{
	definitions_find(ret, &wanted->object, name);
	narrow(ret, wanted->file);
	if (ret->count)
		return true;
	return refuse(wanted, name,
		definitions_are_of_threads(ret, name) ?
			"each thread has its own" :
			"the debug information knows no such variable that has a place; compile with "
			"-g, and look at its name, and whether it was optimised away");
}

/* One variable, or of several files the same one. */
static bool is_one(
	const struct wanted *wanted, const char *name, const struct definitions *found)
{
	char *text;

	for (size_t i = 1; i < found->count; i++) {
		if (found->list[i].place.address == found->list[0].place.address)
			continue;
		text = memory_format(
			"there are several, such as at %s and at %s; write FILE:%s, or "
			"FUNCTION:%s",
			redeclare_where(&found->list[0]), redeclare_where(&found->list[i]),
			name, name);
		return refuse(wanted, name, text);
	}
	return true;
}

/* The lines of source */

static void print_line(FILE *to, const struct definition *definition, const char *change)
{
	char *line = memory_format(
		"%s:%d   %s", definition_file(definition), definition->place.line, change);

	say_to(to, line);
	fputc('\n', to);
}

static void put_line(struct json *json, const struct definition *definition, const char *change)
{
	json_open(json, NULL, '{');
	json_put_string(json, "name", definition->place.name);
	json_put_string(json, "function", definition->place.function);
	json_put_string(json, "file", definition_file(definition));
	json_put_number(json, "line", (uint64_t)definition->place.line);
	json_put_string(json, "text", change);
	json_close(json, '}');
}

/* Return: what the line is to become; NULL: it is refused. */
static char *change_of(const struct wanted *wanted, const struct definition *definition)
{
	struct declaration declaration;
	Dwarf_Die die = definition->place.die;
	const char *why = redeclare_never(definition), *name = definition->place.name;

	declaration_spell(&die, name, SPELL_AS_WRITTEN, definition->is_cplusplus, &declaration);
	if (!why && !declaration.text && !declaration.has_no_name)
		why = declaration.why_not;
	if (why) {
		refuse(wanted, name, why);
		return NULL;
	}
	return memory_format("%s %s%s;", redeclare_word(definition),
		definition->is_static ? "static " : "",
		declaration.text ? declaration.text : memory_format("... %s", name));
}

static bool show_lines(
	FILE *to, struct json *json, const struct wanted *wanted, const char *name)
{
	struct definitions found;
	bool good = find(&found, wanted, name);
	const char *change;

	for (size_t i = 0; i < found.count; i++) {
		change = change_of(wanted, &found.list[i]);
		good &= change != NULL;
		if (change && wanted->as_json)
			put_line(json, &found.list[i], change);
		else if (change)
			print_line(to, &found.list[i], change);
	}
	return good;
}

static bool emit_lines(FILE *to, const struct wanted *wanted)
{
	struct json json = { .file = to };
	bool good = true;

	if (wanted->as_json) {
		json_open(&json, NULL, '{');
		json_put_string(&json, "fondue", FONDUE_VERSION_STRING);
		json_put_string(&json, "object", wanted->path);
		json_open(&json, "lines", '[');
	}
	for (size_t i = 0; i < wanted->name_count; i++)
		good &= show_lines(to, &json, wanted, wanted->names[i]);
	if (wanted->as_json) {
		json_close(&json, ']');
		json_close(&json, '}');
	}
	return good;
}

/* The header */

static bool emit_header(FILE *to, const struct wanted *wanted)
{
	struct redeclaration *list = memory_get(wanted->name_count * sizeof(*list));
	bool good = true;

	for (size_t i = 0; i < wanted->name_count; i++) {
		struct definitions *found = memory_get(sizeof(*found));
		const char *name = wanted->names[i], *why;

		if (!find(found, wanted, name) || !is_one(wanted, name, found)) {
			good = false;
			continue;
		}
		why = redeclare(&list[i], found, &found->list[0], wanted->file);
		if (why)
			good = refuse(wanted, name, why);
	}
	if (good)
		redeclare_print(to, list, wanted->name_count, wanted->path, wanted->file);
	return good;
}

/* The commands */

static char *quoted(const char *text)
{
	char *result = memory_copy("'");

	for (; *text; text++)
		result = *text == '\'' ? memory_format("%s'\\''", result) :
					 memory_format("%s%c", result, *text);
	return memory_format("%s'", result);
}

static void print_commands(
	FILE *to, const struct wanted *wanted, const struct own_section *list)
{
	size_t len = strlen(wanted->path);
	const char *stem = len > 2 && !strcmp(wanted->path + len - 2, ".o") ?
				   memory_format("%.*s", (int)len - 2, wanted->path) :
				   wanted->path;

	fprintf(to, "# makes %s, to be linked in place of %s\nset -e\n",
		quoted(memory_format("%s.shared.o", stem)), quoted(wanted->path));
	fputs("${OBJCOPY:-objcopy} \\\n", to);
	/* without the flags what was in .bss stays without contents, a second such section */
	for (size_t i = 0; i < wanted->name_count; i++)
		fprintf(to, "\t--rename-section %s \\\n",
			quoted(memory_format(
				"%s=shared,alloc,load,data,contents", list[i].name)));
	fprintf(to, "\t%s %s\n", quoted(wanted->path),
		quoted(memory_format("%s.renamed.o", stem)));
	/* an empty file with the header has the note, and pads what comes before it */
	fprintf(to,
		"printf '#include <fondue/shared.h>\\n' |\n"
		"\t${CC:-cc} $CPPFLAGS -fPIC -x c -c -o %s -\n",
		quoted(memory_format("%s.end.o", stem)));
	fprintf(to, "${LD:-ld} -r -o %s \\\n\t%s %s\n",
		quoted(memory_format("%s.shared.o", stem)),
		quoted(memory_format("%s.renamed.o", stem)),
		quoted(memory_format("%s.end.o", stem)));
}

static bool emit_commands(FILE *to, const struct wanted *wanted)
{
	struct own_section *list = memory_get(wanted->name_count * sizeof(*list));
	bool good = true;
	const char *why;

	for (size_t i = 0; i < wanted->name_count; i++) {
		why = relocatable_find(&wanted->object, wanted->names[i], &list[i]);
		if (why)
			good = refuse(wanted, wanted->names[i], why);
	}
	if (good)
		print_commands(to, wanted, list);
	return good;
}

/* Nothing is written to @output before all of it is known. */
static bool write_output(const char *output, const char *text, size_t size)
{
	FILE *file = fopen(output, "we");
	bool good = file && fwrite(text, 1, size, file) == size;

	good &= file && fclose(file) == 0;
	if (!good)
		say("annotate: %s: %s", output, strerror(errno));
	return good;
}

static bool emit(const struct wanted *wanted)
{
	static bool (*const emitters[])(FILE *, const struct wanted *) = {
		[WAY_LINES] = emit_lines,
		[WAY_HEADER] = emit_header,
		[WAY_OBJCOPY] = emit_commands,
	};
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	bool good;

	if (!to) {
		say("annotate: out of memory");
		return false;
	}
	good = emitters[wanted->way](to, wanted);
	fclose(to);
	if (good && wanted->output)
		return write_output(wanted->output, text, size);
	if (good || wanted->way == WAY_LINES)
		fwrite(text, 1, size, stdout);
	return good;
}

static int annotate_object(struct wanted *wanted)
{
	const char *why = object_open_any(&wanted->object, wanted->path);

	if (why) {
		say("annotate: %s: %s", wanted->path, why);
		return 1;
	}
	return emit(wanted) ? 0 : 1;
}

static bool choose_way(struct wanted *wanted, enum way way)
{
	if (wanted->way != WAY_LINES && wanted->way != way) {
		say("annotate: either --emit-header or --emit-objcopy");
		return false;
	}
	wanted->way = way;
	return true;
}

static int run(int argc, char **argv)
{
	struct wanted wanted = { 0 };
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:o:h", options, NULL)) != -1) {
		switch (option) {
		case 'H':
		case 'O':
			if (!choose_way(&wanted, option == 'H' ? WAY_HEADER : WAY_OBJCOPY))
				return STATUS_USAGE;
			break;
		case 'f':
			wanted.file = optarg;
			break;
		case 'j':
			wanted.as_json = true;
			break;
		case 'o':
			wanted.output = optarg;
			break;
		case 'h':
			return command_help(&command_annotate);
		default:
			return command_misused(&command_annotate, option, argv);
		}
	}
	if (wanted.as_json && wanted.way != WAY_LINES) {
		say("annotate: --json is for lines, neither for a header nor for commands");
		return STATUS_USAGE;
	}
	if (optind + 1 >= argc) {
		say("annotate: an object and names of its variables are wanted; see "
		    "`fondue annotate --help`");
		return STATUS_USAGE;
	}
	wanted.path = argv[optind];
	wanted.names = argv + optind + 1;
	wanted.name_count = (size_t)(argc - optind - 1);
	return annotate_object(&wanted);
}

const struct command command_annotate = {
	.name = "annotate",
	.run = run,
	.summary = "print the lines to annotate, or a header or commands that do it instead",
	.help = "[--emit-header | --emit-objcopy | --json] [--file=FILE]\n"
		"                       [-o FILE] OBJECT NAME...\n\n"
		"Find the definitions of variables in the debug information of OBJECT (a\n"
		"program, a library or an object file) and print their lines with the word\n"
		"that would share them. NAME may be FILE.c:NAME or FUNCTION:NAME.\n\n"
		"  --emit-header           print a header that annotates them, for\n"
		"                          `cc -include HEADER`: no source changes\n"
		"  --emit-objcopy          print shell commands that annotate them in OBJECT,\n"
		"                          an object file compiled with -fdata-sections\n"
		"  --file=FILE             only variables of this source file; the header is\n"
		"                          for that file alone, and may name its statics\n"
		"  --json                  print the lines as one JSON document\n"
		"  -o FILE, --output=FILE  write that there\n\n"
		"Exit status: 0 all was found; 1 something was refused, or OBJECT cannot\n"
		"be read; 2 wrong options.\n",
	.usage_status = STATUS_USAGE,
	.failure_status = 1,
};
