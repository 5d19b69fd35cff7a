/* SPDX-License-Identifier: MIT */
/*
 * show-json.c - the same for machines; names of fields are a promise, kept in fondue.1
 */
#include <fondue/shared.h>

#include "json.h"
#include "show.h"

static void put_variable(struct json *json, const struct variable *variable)
{
	json_open(json, NULL, '{');
	json_put_string(json, "name", variable->name);
	json_put_string(json, "symbol", variable->symbol);
	json_put_string(json, "function", variable->function);
	json_put_number(json, "address", variable->address);
	json_put_number(json, "size", variable->size);
	json_put_string(json, "section", variable->section);
	json_put_string(json, "file", variable->file);
	if (variable->file)
		json_put_number(json, "line", (uint64_t)variable->line);
	else
		json_put_string(json, "line", NULL);
	json_close(json, '}');
}

static void put_section(struct json *json, const struct section *section, uint64_t page)
{
	uint64_t size = section->end - section->address;

	json_open(json, NULL, '{');
	json_put_string(json, "name", section->name);
	json_put_number(json, "address", section->address);
	json_put_number(json, "size", size);
	json_put_number(json, "pages", size / page + (size % page != 0));
	json_put_number(json, "variables", section->variables);
	json_put_number(json, "bytes", section->bytes);
	json_close(json, '}');
}

static void put_problem(struct json *json, const struct problem *problem)
{
	json_open(json, NULL, '{');
	json_put_string(json, "severity", problem->is_note ? "note" : "problem");
	json_put_string(json, "code", problem->code);
	json_put_string(json, "section", problem->section);
	json_put_string(json, "symbol", problem->symbol);
	json_put_string(json, "cause", problem->cause);
	json_put_string(json, "cure", problem->cure);
	json_close(json, '}');
}

static void put_lists(struct json *json, const struct subject *subject)
{
	const struct contents *contents = &subject->contents;

	json_open(json, "sections", '[');
	for (size_t i = 0; i < contents->section_count; i++)
		put_section(
			json, &contents->sections[i], subject->object.image.page_size);
	json_close(json, ']');
	json_open(json, "variables", '[');
	for (size_t i = 0; i < contents->variable_count; i++)
		put_variable(json, &contents->variables[i]);
	json_close(json, ']');
	json_open(json, "problems", '[');
	for (size_t i = 0; i < subject->problems.count; i++)
		put_problem(json, &subject->problems.list[i]);
	json_close(json, ']');
}

static void put_subject(struct json *json, const struct subject *subject)
{
	json_open(json, NULL, '{');
	json_put_string(json, "path", subject->object.path);
	json_put_string(json, "status", verdict_name(subject->verdict));
	json_put_bool(json, "annotated", subject->object.is_annotated);
	json_put_string(json, "machine", object_machine(&subject->object));
	json_put_number(json, "page_size", subject->object.image.page_size);
	json_put_number(json, "page_size_max", subject->page_size_max);
	put_lists(json, subject);
	json_close(json, '}');
}

void show_json(const struct examination *examination)
{
	struct json json = { .file = stdout };

	json_open(&json, NULL, '{');
	json_put_string(&json, "fondue", FONDUE_VERSION_STRING);
	json_put_string(&json, "program", examination->subjects[0].object.path);
	json_put_string(&json, "status", verdict_name(examination->verdict));
	json_open(&json, "objects", '[');
	for (size_t i = 0; i < examination->count; i++)
		put_subject(&json, &examination->subjects[i]);
	json_close(&json, ']');
	json_close(&json, '}');
}
