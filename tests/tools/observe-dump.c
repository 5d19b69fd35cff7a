/* SPDX-License-Identifier: MIT */
/*
 * observe-dump.c - what tools/observe.c sees of a program, as JSON, for a test to look at
 *
 *	observe-dump FILE [SAMPLE-MS [LIMIT-S [VARIABLE,..]]] -- PROGRAM ARG..
 *
 * The document goes to FILE, so that the program has its standard output for itself. With
 * variables the program is run twice, and these, as the first run has found them, are
 * watched in the second, which is told of. The status is the program's; 99 when it could not
 * be observed, and FILE says why.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/json.h"
#include "../../tools/observe.h"

static const char *const classes[] = { "number", "heap", "stack", "shared", "data", "text" };
static const char *const encodings[] = { "unknown", "signed", "unsigned", "real", "character",
	"boolean", "pointer" };
static const char *const moments[] = { "early", "sample", "signal", "end", "parent", "crash" };
static const char *const kinds[] = { "program", "needed", "plugin" };

static void put_index(struct json *json, const char *key, size_t index)
{
	if (index == SEEN_NOBODY)
		json_put_string(json, key, NULL);
	else
		json_put_number(json, key, index);
}

static void put_objects(struct json *json, const struct seen *seen)
{
	json_open(json, "objects", '[');
	for (size_t i = 0; i < seen->object_count; i++) {
		json_open(json, NULL, '{');
		json_put_string(json, "path", seen->objects[i].path);
		json_put_string(json, "kind", kinds[seen->objects[i].kind]);
		json_put_number(json, "unnamed", seen->objects[i].unnamed);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_variables(struct json *json, const struct seen *seen)
{
	json_open(json, "variables", '[');
	for (size_t i = 0; i < seen->variable_count; i++) {
		const struct seen_variable *variable = &seen->variables[i];

		json_open(json, NULL, '{');
		json_put_number(json, "object", variable->object);
		json_put_number(json, "address", variable->address);
		json_put_number(json, "size", variable->size);
		json_put_string(json, "name", variable->name);
		json_put_string(json, "type", variable->type);
		json_put_string(json, "file", variable->file);
		json_put_number(json, "line", variable->line);
		json_put_bool(json, "global", variable->is_global);
		json_put_bool(json, "copy", variable->is_copy);
		json_put_bool(json, "in_function", variable->is_in_function);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_processes(struct json *json, const struct seen *seen)
{
	json_open(json, "processes", '[');
	for (size_t i = 0; i < seen->process_count; i++) {
		const struct seen_process *process = &seen->processes[i];

		json_open(json, NULL, '{');
		json_put_number(json, "pid", (uint64_t)process->pid);
		put_index(json, "parent", process->parent);
		json_put_number(json, "born", process->born_us);
		json_put_number(json, "end", process->end_us);
		json_put_bool(json, "killed", process->is_killed);
		json_put_number(json, "status", (uint64_t)process->status);
		json_put_string(json, "executed", process->executed);
		json_put_bool(json, "borrower", process->is_borrower);
		json_put_bool(json, "looked_at", process->is_looked_at);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_word(struct json *json, const struct seen_word *word)
{
	json_open(json, NULL, '{');
	json_put_number(json, "offset", word->offset);
	json_put_number(json, "width", word->width);
	json_put_string(json, "encoding", encodings[word->encoding]);
	json_put_string(json, "member", word->member);
	json_put_number(json, "before", word->before);
	json_put_number(json, "after", word->after);
	json_put_string(json, "was", classes[word->was_class]);
	json_put_string(json, "is", classes[word->is_class]);
	json_close(json, '}');
}

static void put_changes(struct json *json, const struct seen *seen)
{
	json_open(json, "changes", '[');
	for (size_t i = 0; i < seen->change_count; i++) {
		const struct seen_change *change = &seen->changes[i];

		json_open(json, NULL, '{');
		json_put_number(json, "process", change->process);
		json_put_number(json, "variable", change->variable);
		json_put_string(json, "when", moments[change->when]);
		json_put_number(json, "at", change->at_us);
		json_put_number(json, "changed", change->changed);
		json_open(json, "words", '[');
		for (size_t word = 0; word < change->word_count; word++)
			put_word(json, &change->words[word]);
		json_close(json, ']');
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_unnamed(struct json *json, const struct seen *seen)
{
	json_open(json, "unnamed", '[');
	for (size_t i = 0; i < seen->unnamed_count; i++) {
		json_open(json, NULL, '{');
		json_put_number(json, "process", seen->unnamed[i].process);
		json_put_number(json, "object", seen->unnamed[i].object);
		json_put_string(json, "when", moments[seen->unnamed[i].when]);
		json_put_number(json, "address", seen->unnamed[i].address);
		json_open(json, "words", '[');
		put_word(json, &seen->unnamed[i].word);
		json_close(json, ']');
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_crashes(struct json *json, const struct seen *seen)
{
	json_open(json, "crashes", '[');
	for (size_t i = 0; i < seen->crash_count; i++) {
		json_open(json, NULL, '{');
		json_put_number(json, "process", seen->crashes[i].process);
		json_put_number(json, "signal", (uint64_t)seen->crashes[i].signal);
		json_put_number(json, "fault", seen->crashes[i].fault);
		json_put_string(json, "where", seen->crashes[i].where);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_accesses(struct json *json, const struct seen *seen)
{
	json_open(json, "accesses", '[');
	for (size_t i = 0; i < seen->access_count; i++) {
		const struct seen_access *access = &seen->accesses[i];

		json_open(json, NULL, '{');
		json_put_number(json, "process", access->process);
		json_put_number(json, "variable", access->variable);
		json_put_number(json, "value", access->value);
		json_put_bool(json, "write", access->is_write);
		json_put_string(json, "where", access->where);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put(struct json *json, const struct seen *seen, const char *why)
{
	json_open(json, NULL, '{');
	json_put_string(json, "why", why);
	json_put_string(json, "program", seen->program);
	json_put_number(json, "ended_by", (uint64_t)seen->ended_by);
	json_put_number(json, "status", (uint64_t)seen->status);
	json_put_number(json, "start", seen->start_time_s);
	json_put_number(json, "end", seen->end_us);
	json_put_number(json, "left", seen->left);
	json_put_bool(json, "forked", seen->has_forked);
	json_put_bool(json, "dirty_heap", seen->has_dirty_heap);
	json_put_bool(json, "watched", seen->has_watched);
	put_objects(json, seen);
	put_variables(json, seen);
	put_processes(json, seen);
	put_changes(json, seen);
	put_unnamed(json, seen);
	put_crashes(json, seen);
	put_accesses(json, seen);
	json_close(json, '}');
}

static void watch(struct observe_options *options, const struct seen *first, char *names)
{
	for (char *name = strtok(names, ","); name; name = strtok(NULL, ","))
		for (size_t i = 0; i < first->variable_count; i++) {
			const struct seen_variable *variable = &first->variables[i];

			if (strcmp(variable->name, name) ||
				options->watched_count == OBSERVE_WATCHED_MAX)
				continue;
			options->watched[options->watched_count] = variable;
			options->watched_objects[options->watched_count++] =
				first->objects[variable->object].path;
		}
}

int main(int argc, char **argv)
{
	struct observe_options options = { 0 };
	struct json json = { 0 };
	struct seen first, seen;
	const char *why;
	int at = 1;

	while (at < argc && strcmp(argv[at], "--"))
		at++;
	if (at < 2 || at + 1 >= argc)
		return 98;
	options.sample_ms = at > 2 ? (unsigned)atoi(argv[2]) : 0;
	options.limit_s = at > 3 ? (unsigned)atoi(argv[3]) : 0;
	if (at > 4 && observe(argv + at + 1, &options, &first) == NULL)
		watch(&options, &first, argv[4]);
	why = observe(argv + at + 1, &options, &seen);
	json.file = fopen(argv[1], "w");
	if (!json.file)
		return 98;
	put(&json, &seen, why);
	return fclose(json.file) ? 98 : why ? 99 : seen.status;
}
