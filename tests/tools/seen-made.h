/* SPDX-License-Identifier: MIT */
/*
 * seen-made.h - records as the observer makes them, made up: for the tests of the judge
 *
 *	made_begin(3);			three children of a program
 *	made_numbers("hits", "int", 0, 10, 20, 30);
 *	judged()->ruling.points
 *
 * All are of one family: the program is process 0, its children are 1, 2.., born one after the
 * other and ended in the same order. What was made is forgotten by the next made_begin().
 */
#pragma once

#include <stdarg.h>
#include <string.h>

#include "judge.h"

enum { MADE_PROCESSES = 80, MADE_VARIABLES = 8, MADE_CHANGES = 200, MADE_WORDS = 64 };

#define MADE_EPOCH 1700000000
#define MADE_PID   70000
/* A child lives so long that early and late are apart. */
#define MADE_LIFE_US 300000

static struct seen made;
static struct seen_object made_objects[2];
static struct seen_process made_processes[MADE_PROCESSES];
static struct seen_variable made_variables[MADE_VARIABLES];
static struct seen_change made_changes[MADE_CHANGES];
static struct seen_word made_words[MADE_CHANGES][MADE_WORDS];
static struct seen_crash made_crash;
static struct seen_access made_accesses[16];
static struct judgement made_judgement;

static inline void made_begin(unsigned children)
{
	memset(made_words, 0, sizeof(made_words));
	made_objects[0] = (struct seen_object){ .path = "/bin/server", .kind = SEEN_PROGRAM };
	made_objects[1] =
		(struct seen_object){ .path = "/usr/lib/libx.so.1", .kind = SEEN_NEEDED };
	made = (struct seen){ .program = "server",
		.start_time_s = MADE_EPOCH,
		.start_monotonic_s = 5000,
		.has_forked = children > 0,
		.objects = made_objects,
		.object_count = 2,
		.variables = made_variables,
		.processes = made_processes,
		.process_count = children + 1,
		.changes = made_changes,
		.crashes = &made_crash,
		.accesses = made_accesses };
	for (unsigned i = 0; i <= children; i++)
		made_processes[i] = (struct seen_process){ .pid = MADE_PID + (int)i,
			.parent = i ? 0 : SEEN_NOBODY,
			.born_us = 1000 * i,
			.end_us = i ? 1000 * i + MADE_LIFE_US : 0,
			.is_looked_at = true };
}

static inline size_t made_variable(char *name, char *type, uint64_t size)
{
	made_variables[made.variable_count] =
		(struct seen_variable){ .address = 0x4000 + 0x100 * made.variable_count,
			.size = size,
			.name = name,
			.type = type };
	return made.variable_count++;
}

static inline size_t made_change(size_t process, size_t variable, enum seen_when when)
{
	uint64_t age = when == SEEN_EARLY ? 20000 : when == SEEN_SAMPLE ? 150000 : MADE_LIFE_US;
	size_t at = made.change_count++;

	made_changes[at] = (struct seen_change){ .process = process,
		.variable = variable,
		.when = when,
		.at_us = made_processes[process].born_us + age,
		.words = made_words[at] };
	return at;
}

static inline struct seen_word *made_word(size_t change, uint64_t offset, unsigned width,
	enum seen_encoding encoding, uint64_t before, uint64_t after)
{
	struct seen_word *word = &made_words[change][made_changes[change].word_count++];

	*word = (struct seen_word){ .offset = offset,
		.width = width,
		.encoding = encoding,
		.before = before,
		.after = after };
	made_changes[change].changed += width;
	return word;
}

/* Of type int, in each child, from @before to the values that follow, one for each. */
static inline size_t made_numbers(char *name, int before, ...)
{
	size_t variable = made_variable(name, "int", 4);
	va_list values;

	va_start(values, before);
	for (size_t i = 1; i < made.process_count; i++)
		made_word(made_change(i, variable, SEEN_END), 0, 4, SEEN_SIGNED,
			(uint32_t)before, (uint32_t)va_arg(values, int));
	va_end(values);
	return variable;
}

static inline double made_double(uint64_t *bits, double value)
{
	memcpy(bits, &value, sizeof(value));
	return value;
}

/* The best of what was found, or NULL. */
static inline struct finding *judged(void)
{
	judge(&made, &made_judgement);
	return made_judgement.count ? &made_judgement.findings[0] : NULL;
}

static inline bool judged_looks(const char *name)
{
	const struct finding *finding = judged();

	return finding && !strcmp(finding->ruling.looks.name, name);
}

static inline bool judged_says(const char *reason)
{
	const struct finding *finding = judged();

	for (size_t i = 1; finding && i < finding->ruling.argument_count; i++)
		if (!strcmp(finding->ruling.arguments[i].text, reason))
			return true;
	return false;
}
