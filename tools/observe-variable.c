/* SPDX-License-Identifier: MIT */
/*
 * observe-variable.c - the parts of a variable, and its entry in what was seen
 *
 * A part is asked for by any changed bit of it, again and again as one child after the other
 * dies; so what was found is kept with the variable. Where there is no debug information a
 * part is 8 bytes, as a pointer is, and as many counters are.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "observe-kind.h"
#include "observe-variable.h"

/* Fields of one variable that are kept; others are looked for each time. */
#define FIELDS_MAX 65536

/* Without debug information: 8 bytes, counted from the start. */
static bool plain_field(const struct variable_seen *variable, uint64_t bit, struct field *ret)
{
	uint64_t size = variable->end - variable->start, offset = bit / 64 * 8;
	uint64_t width = size - offset < 8 ? size - offset : 8;

	*ret = (struct field){ .bit = 8 * offset, .bits = 8 * width };
	if (size > 8)
		ret->path = memory_format("+%lu", (unsigned long)offset);
	return true;
}

/* Is the type known, and not merely declared, as of a symbol that is larger than it? */
static bool make_field(struct variable_seen *variable, uint64_t bit, struct field *ret)
{
	if (!variable->has_die)
		return plain_field(variable, bit, ret);
	return types_field(&variable->die, bit, ret);
}

static size_t field_before(const struct variable_seen *variable, uint64_t bit)
{
	size_t low = 0, high = variable->field_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (variable->fields[middle].bit <= bit)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct field *keep(
	struct variable_seen *variable, size_t at, const struct field *field)
{
	struct field *fields;

	fields = memory_grow(variable->fields, variable->field_count, sizeof(*fields));
	memmove(fields + at + 1, fields + at, (variable->field_count - at) * sizeof(*fields));
	fields[at] = *field;
	variable->fields = fields;
	variable->field_count++;
	return &fields[at];
}

const struct field *variable_field(struct variable_seen *variable, uint64_t bit)
{
	static struct field last;
	size_t at = field_before(variable, bit);
	struct field field;

	if (at && bit < variable->fields[at - 1].bit + variable->fields[at - 1].bits)
		return &variable->fields[at - 1];
	if (!make_field(variable, bit, &field))
		return NULL;
	if (variable->field_count < FIELDS_MAX)
		return keep(variable, at, &field);
	last = field;
	return &last;
}

/* By the C++ runtime, if this machine has one: nothing else of it is needed here. */
static char *demangle(const char *symbol)
{
	static char *(*function)(const char *, char *, size_t *, int *);
	static bool is_tried;
	void *library;
	int status;

	if (strncmp(symbol, "_Z", 2))
		return NULL;
	library = is_tried ? NULL : dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
	if (library)
		*(void **)&function = dlsym(library, "__cxa_demangle");
	is_tried = true;
	return function ? function(symbol, NULL, NULL, &status) : NULL;
}

static char *name_of(const struct variable_seen *variable)
{
	char *name = demangle(variable->symbol);

	if (!name && !strncmp(variable->symbol, "_Z", 2) && variable->name)
		return memory_copy(variable->name);
	return name ? name : memory_copy(variable->symbol);
}

size_t variable_enter(struct variable_seen *variable, struct observed *observed,
	struct seen *seen, const char *program)
{
	const char *file = variable->file ? variable->file : variable->source;

	if (variable->seen != SEEN_NOBODY)
		return variable->seen;
	seen->variables =
		memory_grow(seen->variables, seen->variable_count, sizeof(*seen->variables));
	seen->variables[seen->variable_count] = (struct seen_variable){
		.object = kind_enter(observed, seen, program),
		.address = variable->start,
		.size = variable->end - variable->start,
		.name = name_of(variable),
		.type = variable->has_die ? types_spell(&variable->die) : NULL,
		.file = file ? memory_copy(file) : NULL,
		.line = variable->line,
		.is_global = variable->is_global,
		.is_copy = variable->is_copy,
		.is_in_function = variable->is_in_function,
	};
	variable->seen = seen->variable_count++;
	return variable->seen;
}
