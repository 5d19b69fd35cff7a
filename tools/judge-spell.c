/* SPDX-License-Identifier: MIT */
/*
 * judge-spell.c - a line to paste must mean what it says
 *
 * Two files may each have a static `count`, and so may a library; a static in a function is
 * count.0 in the symbol table; a comma ends a name. So spellings are tried, the shortest first,
 * against what `run --share=` would make of them, and the first that means this variable and no
 * other is taken. A library is named as the loader names it, any other object by its path. And
 * since a program that is not rebuilt is not always one that can be proved, the plan is made
 * here already, and thrown away: what would be refused is not suggested.
 */
#include <string.h>
#include <sys/stat.h>

#include "judge-spell.h"
#include "libraries.h"
#include "memory.h"
#include "plan-names.h"
#include "plan-result.h"
#include "say.h"

/* A lock that guards a variable is mostly declared beside it. */
#define BESIDE 256
/* More than any variable can get. */
#define POINTS_ANNOTATED (-200)
/* pthread_mutex_t and pthread_spinlock_t as glibc has them on x86-64. */
#define MUTEX_SIZE 40
#define SPIN_SIZE  4

struct spelled_object {
	bool is_read;
	const char *why_not; /* it cannot be read, or have plans */
	const char *prefix;  /* "" or "libx.so.1:" */
	struct object object;
	struct bytes bytes;
	struct symbols symbols;
	const char **names; /* that are wanted of it */
	struct finding **findings;
	size_t count;
};

static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static const char *library_prefix(const char *program, const char *path)
{
	struct object object;
	struct libraries libraries;

	if (object_open(&object, program) || libraries_list(&object, &libraries))
		return memory_format("%s:", path);
	for (size_t i = 0; i < libraries.count; i++)
		if (is_same_file(libraries.paths[i], path))
			return memory_format("%s:", say_base_name(libraries.paths[i]));
	return memory_format("%s:", path);
}

static void read_object(
	struct spelled_object *spelled, const struct seen_object *seen, const char *program)
{
	if (spelled->is_read)
		return;
	spelled->is_read = true;
	spelled->prefix =
		is_same_file(seen->path, program) ? "" : library_prefix(program, seen->path);
	spelled->why_not = object_open(&spelled->object, seen->path);
	if (!spelled->why_not)
		spelled->why_not = bytes_read(&spelled->bytes, &spelled->object);
	if (!spelled->why_not)
		spelled->why_not = symbols_read(&spelled->symbols, &spelled->bytes, NULL);
}

static char *join(const char *where, const char *name)
{
	return where && name ? memory_format("%s:%s", where, name) : NULL;
}

static const char *try(const struct symbols *symbols, const char *spelling, uint64_t address)
{
	const struct datum *found;

	if (!spelling || strpbrk(spelling, ",*"))
		return NULL;
	found = names_the_only(symbols, spelling);
	return found && found->at.start == address ? spelling : NULL;
}

static const char *spell_datum(const struct symbols *symbols, const struct datum *datum)
{
	const char *file = datum->file ? say_base_name(datum->file) : NULL;
	const char *spellings[] = { datum->name, datum->name ? NULL : datum->symbol,
		join(datum->function, datum->name), join(file, datum->name), datum->symbol,
		join(file, datum->symbol), join(datum->file, datum->symbol) };
	const char *found = NULL;

	for (size_t i = 0; !found && i < sizeof(spellings) / sizeof(spellings[0]); i++)
		found = try(symbols, spellings[i], datum->at.start);
	return found;
}

static const char *spell(const struct spelled_object *spelled, uint64_t address)
{
	const struct symbols *symbols = &spelled->symbols;
	const char *found = NULL;

	for (size_t i = 0; !found && i < symbols->name_count; i++)
		if (symbols->names[i].at.start == address)
			found = spell_datum(symbols, &symbols->names[i]);
	return found;
}

/* A plan marks the symbols it is made for, so they are read anew. Return: why not, or NULL. */
static const char *try_plan(
	const struct spelled_object *spelled, const char *const *names, size_t count)
{
	struct symbols symbols;
	struct places places = { .bytes = &spelled->bytes, .symbols = &symbols };
	struct complaints complaints = { 0 };
	struct result result;
	const char *why = symbols_read(&symbols, &spelled->bytes, NULL);

	if (why)
		return why;
	for (size_t i = 0; i < count; i++)
		names_choose(&symbols, names[i], &complaints);
	if (complaints.count)
		return complaints.list[0];
	result_make(&result, &places);
	return places.refusal_count ? places.refusals[0].cause : NULL;
}

static bool is_lock(const struct datum *datum)
{
	uint64_t size = datum->at.end - datum->at.start;
	const char *name = datum->symbol;

	if (!name || (size != MUTEX_SIZE && size != SPIN_SIZE && size != sizeof(uint64_t)))
		return false;
	if (size == MUTEX_SIZE && (strstr(name, "mu") || strstr(name, "mtx")))
		return true;
	return strstr(name, "lock") && !strstr(name, "clock") && !strstr(name, "block");
}

static const char *find_lock(
	const struct symbols *symbols, const struct seen_variable *variable)
{
	for (size_t i = 0; i < symbols->datum_count; i++) {
		const struct datum *datum = &symbols->data[i];

		if (is_lock(datum) &&
			datum->at.start <= variable->address + variable->size + BESIDE &&
			datum->at.end + BESIDE >= variable->address)
			return datum->name ? datum->name : datum->symbol;
	}
	return NULL;
}

/* All together: an array may be refused for the sake of a neighbour that stays private. */
static void try_plans(struct spelled_object *spelled)
{
	if (!spelled->count || !try_plan(spelled, spelled->names, spelled->count))
		return;
	for (size_t i = 0; i < spelled->count; i++) {
		struct finding *finding = spelled->findings[i];

		finding->refusal = try_plan(spelled, &spelled->names[i], 1);
		if (finding->refusal)
			finding->spelling = NULL;
	}
}

static void add_name(struct spelled_object *spelled, struct finding *finding, const char *name)
{
	spelled->names = memory_grow(spelled->names, spelled->count, sizeof(*spelled->names));
	spelled->findings =
		memory_grow(spelled->findings, spelled->count, sizeof(*spelled->findings));
	spelled->names[spelled->count] = name;
	spelled->findings[spelled->count++] = finding;
	finding->spelling = memory_format("%s%s", spelled->prefix, name);
}

static void spell_finding(struct finding *finding, struct spelled_object *spelled)
{
	const struct seen_variable *variable = finding->facts.variable;
	const char *name = finding->pattern;

	finding->refusal = spelled->why_not;
	if (finding->refusal)
		return;
	finding->lock = find_lock(&spelled->symbols, variable);
	if (!name)
		name = spell(spelled, variable->address);
	if (name)
		add_name(spelled, finding, name);
}

/* Where the runtime is not there, what is annotated is private, too: that is no news. */
static void leave_annotated(struct finding *finding, const struct spelled_object *spelled)
{
	const struct section_extent *section =
		spelled->why_not ?
			NULL :
			bytes_section(&spelled->bytes, finding->facts.variable->address);

	if (!section ||
		(strcmp(section->name, "shared") && strcmp(section->name, "shared_zero")))
		return;
	finding->ruling.looks.name = "annotated already";
	rules_add(&finding->ruling, POINTS_ANNOTATED, "it is annotated already");
}

/* Those that are suggested; if there are none, those that are so perhaps. */
static bool is_wanted(const struct judgement *judgement, const struct finding *finding)
{
	return finding->opinion != OPINION_LEFT &&
	       finding->opinion == judgement->findings[0].opinion;
}

void spell_findings(struct judgement *judgement, const char *program)
{
	const struct seen *seen = judgement->seen;
	struct spelled_object *objects = memory_get(seen->object_count * sizeof(*objects));

	for (size_t i = 0; i < judgement->count; i++) {
		struct finding *finding = &judgement->findings[i];
		size_t object = finding->facts.variable->object;

		if (finding->opinion == OPINION_LEFT)
			continue;
		read_object(&objects[object], &seen->objects[object], program);
		leave_annotated(finding, &objects[object]);
	}
	judge_sort(judgement);
	for (size_t i = 0; i < judgement->count; i++) {
		struct finding *finding = &judgement->findings[i];

		if (is_wanted(judgement, finding))
			spell_finding(finding, &objects[finding->facts.variable->object]);
	}
	for (size_t i = 0; i < seen->object_count; i++)
		try_plans(&objects[i]);
}
