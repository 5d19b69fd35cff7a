/* SPDX-License-Identifier: MIT */
/*
 * plan-show.c - what was found, in the words of the object's own symbols
 */
#include <inttypes.h>

#include "json.h"
#include "memory.h"
#include "plan-decode.h"
#include "plan-show.h"
#include "say.h"

/* More lines than these make no refusal clearer. */
#define REFUSALS_SHOWN 12

static void print(const char *text)
{
	say_to(stdout, text);
	putchar('\n');
}

static size_t count_of(const struct reference *list, size_t count, const struct datum *datum)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += list[i].owner == datum;
	return found;
}

static void print_variable(const struct result *result, const struct datum *datum)
{
	print(memory_format("%s  0x%" PRIx64 ", %" PRIu64
			    " bytes%s: %zu references, %zu pointers",
		datum_name(datum), datum->at.start, datum->at.end - datum->at.start,
		datum->is_exported ? ", exported" : "",
		count_of(result->references, result->reference_count, datum),
		count_of(result->pointers, result->pointer_count, datum)));
}

static void print_place(
	const struct result *result, const struct reference *reference, bool is_code)
{
	const struct symbols *symbols = result->places->symbols;

	print(memory_format("  0x%" PRIx64 "  %s: %s -> %s%s; %s", reference->at,
		is_code ? symbols_code_place(symbols, reference->at) :
			  symbols_place(symbols, reference->at),
		is_code ? decode_text(result->places->bytes, reference->at) : "a pointer",
		symbols_place(symbols, reference->address),
		symbols_datum(symbols, reference->address) == reference->owner ?
			"" :
			memory_format(", of %s", datum_name(reference->owner)),
		reference->reason));
}

void show_plan_text(const struct result *result, bool explain)
{
	for (size_t i = 0; i < result->variable_count; i++)
		print_variable(result, result->variables[i]);
	for (size_t i = 0; explain && i < result->reference_count; i++)
		print_place(result, &result->references[i], true);
	for (size_t i = 0; explain && i < result->pointer_count; i++)
		print_place(result, &result->pointers[i], false);
}

static const char *place_of(const struct places *places, const struct refusal_of_plan *refusal)
{
	return refusal->is_code ? symbols_code_place(places->symbols, refusal->at) :
				  symbols_place(places->symbols, refusal->at);
}

void show_plan_refusals(const struct places *places)
{
	const char *name = say_base_name(places->bytes->object->path);
	size_t left = 0;

	if (places->refusal_count > REFUSALS_SHOWN)
		left = places->refusal_count - REFUSALS_SHOWN;
	for (size_t i = 0; i < places->refusal_count - left; i++) {
		const struct refusal_of_plan *refusal = &places->refusals[i];

		if (!refusal->at)
			say("plan: %s: refused: %s; %s", name, refusal->cause, refusal->cure);
		else
			say("plan: %s: refused: 0x%" PRIx64 " (%s)%s%s%s%s: %s; %s", name,
				refusal->at, place_of(places, refusal),
				refusal->is_code ? ", " : "",
				refusal->is_code ? decode_text(places->bytes, refusal->at) : "",
				refusal->address ? " names " : "",
				refusal->address ?
					symbols_place(places->symbols, refusal->address) :
					"",
				refusal->cause, refusal->cure);
	}
	if (left)
		say("plan: %s: refused for %zu more reasons like these; --json lists them",
			name, left);
}

static void put_variables(struct json *json, const struct result *result)
{
	json_open(json, "variables", '[');
	for (size_t i = 0; i < result->variable_count; i++) {
		const struct datum *datum = result->variables[i];

		json_open(json, NULL, '{');
		json_put_string(json, "name", datum_name(datum));
		json_put_string(json, "symbol", datum->symbol);
		json_put_string(json, "file", datum->file);
		json_put_number(json, "address", datum->at.start);
		json_put_number(json, "size", datum->at.end - datum->at.start);
		json_put_bool(json, "exported", datum->is_exported);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_places(struct json *json, const struct result *result, const char *key,
	const struct reference *list, size_t count)
{
	const struct symbols *symbols = result->places->symbols;
	bool is_code = list == result->references;

	json_open(json, key, '[');
	for (size_t i = 0; i < count; i++) {
		json_open(json, NULL, '{');
		json_put_number(json, "at", list[i].field);
		if (is_code) {
			json_put_number(json, "instruction", list[i].at);
			json_put_string(
				json, "text", decode_text(result->places->bytes, list[i].at));
			json_put_string(json, "place", symbols_code_place(symbols, list[i].at));
		}
		json_put_number(json, "address", list[i].address);
		json_put_string(json, "variable", datum_name(list[i].owner));
		json_put_string(json, "reason", list[i].reason);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_refusals(struct json *json, const struct places *places)
{
	json_open(json, "refusals", '[');
	for (size_t i = 0; i < places->refusal_count; i++) {
		const struct refusal_of_plan *refusal = &places->refusals[i];

		json_open(json, NULL, '{');
		json_put_number(json, "at", refusal->at);
		json_put_string(json, "place", refusal->at ? place_of(places, refusal) : NULL);
		json_put_string(json, "text",
			refusal->is_code ? decode_text(places->bytes, refusal->at) : NULL);
		json_put_number(json, "address", refusal->address);
		json_put_string(json, "cause", refusal->cause);
		json_put_string(json, "cure", refusal->cure);
		json_close(json, '}');
	}
	json_close(json, ']');
}

void show_plan_json(const struct result *result, const char *path)
{
	const struct bytes *bytes = result->places->bytes;
	struct json json = { .file = stdout };
	char id[2 * PLAN_ID_MAX + 1] = "";

	for (uint32_t i = 0; i < bytes->id_size; i++)
		sprintf(id + 2 * i, "%02x", bytes->id[i]);
	json_open(&json, NULL, '{');
	json_put_string(&json, "object", bytes->object->path);
	json_put_string(&json, "build_id", id);
	json_put_string(&json, "plan", path);
	json_put_bool(&json, "proved", !result->places->refusal_count);
	put_variables(&json, result);
	put_places(&json, result, "references", result->references, result->reference_count);
	put_places(&json, result, "pointers", result->pointers, result->pointer_count);
	put_refusals(&json, result->places);
	json_close(&json, '}');
}
