/* SPDX-License-Identifier: MIT */
/*
 * plan-names.c - from what a person writes to the bytes that are meant
 *
 * A static in a function is called count.0 by gcc and f.count by clang, one of a file in
 * C++ _ZL5count; people write count. So a name is tried as a symbol first, then as the
 * source's name, then as what a compiler has decorated. The first way that finds something
 * decides; if it finds two different variables, none is taken, and both are shown. A
 * pattern takes all that it matches.
 */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "plan-names.h"

#define CANDIDATES_SHOWN 8

void complain(struct complaints *complaints, char *text)
{
	complaints->list =
		memory_grow(complaints->list, complaints->count, sizeof(*complaints->list));
	complaints->list[complaints->count++] = text;
}

/* What is wanted: the part before the colon, or NULL, and the name. */
struct wish {
	char *where;
	const char *name;
	bool is_pattern;
};

static bool is_tail(const char *text, const char *tail, const char *separator)
{
	size_t whole = strlen(text), part = strlen(tail), gap = strlen(separator);

	return whole >= part + gap && !strcmp(text + whole - part, tail) &&
	       !strncmp(text + whole - part - gap, separator, gap);
}

static bool is_there(const struct wish *wish, const struct datum *datum)
{
	if (!wish->where)
		return true;
	if (datum->function && !strcmp(datum->function, wish->where))
		return true;
	return datum->file &&
	       (!strcmp(datum->file, wish->where) || is_tail(datum->file, wish->where, "/"));
}

static bool is_symbol(const struct datum *datum, const char *name)
{
	return !strcmp(datum->symbol, name);
}

static bool is_source_name(const struct datum *datum, const char *name)
{
	return datum->name && !strcmp(datum->name, name);
}

/* count.0, f.count, _ZL5count, and the last part of space::count */
static bool is_decorated(const struct datum *datum, const char *name)
{
	const char *symbol = datum->symbol;
	size_t len = strlen(name);
	char *mangled = memory_format("_ZL%zu%s", len, name);
	bool is_mangled = !strcmp(symbol, mangled);

	free(mangled);
	if (is_mangled || is_tail(symbol, name, "."))
		return true;
	if (datum->name && is_tail(datum->name, name, "::"))
		return true;
	return !strncmp(symbol, name, len) && symbol[len] == '.' && symbol[len + 1] &&
	       symbol[len + 1 + strspn(symbol + len + 1, "0123456789")] == '\0';
}

static bool is_matched(const struct datum *datum, const char *pattern)
{
	return !fnmatch(pattern, datum->symbol, 0) ||
	       (datum->name && !fnmatch(pattern, datum->name, 0));
}

/* All that one way finds; by address, so that names of one variable are neighbours. */
static size_t find(const struct symbols *symbols, const struct wish *wish,
	bool (*way)(const struct datum *datum, const char *name), const struct datum ***ret)
{
	size_t count = 0;

	*ret = NULL;
	for (size_t i = 0; i < symbols->name_count; i++) {
		const struct datum *datum = &symbols->names[i];

		if (!is_there(wish, datum) || !way(datum, wish->name))
			continue;
		if (count && (*ret)[count - 1]->at.start == datum->at.start)
			continue;
		*ret = memory_grow(*ret, count, sizeof(**ret));
		(*ret)[count++] = datum;
	}
	return count;
}

static size_t find_any(
	const struct symbols *symbols, const struct wish *wish, const struct datum ***ret)
{
	size_t count;

	if (wish->is_pattern)
		return find(symbols, wish, is_matched, ret);
	count = find(symbols, wish, is_symbol, ret);
	if (!count)
		count = find(symbols, wish, is_source_name, ret);
	return count ? count : find(symbols, wish, is_decorated, ret);
}

static char *candidate(const struct datum *datum)
{
	const char *file = datum->file ? strrchr(datum->file, '/') : NULL;

	file = file ? file + 1 : datum->file;
	return memory_format("%s%s%s%s%s at 0x%" PRIx64 ",%" PRIu64, file ? file : "",
		file ? ":" : "", datum->symbol, datum->function ? " in " : "",
		datum->function ? datum->function : "", datum->at.start,
		datum->at.end - datum->at.start);
}

static void complain_ambiguous(struct complaints *complaints, const char *name,
	const struct datum **found, size_t count)
{
	char *text = memory_format("%s is ambiguous, there are %zu: ", name, count);

	for (size_t i = 0; i < count && i < CANDIDATES_SHOWN; i++)
		text = memory_format("%s%s%s", text, i ? "; " : "", candidate(found[i]));
	complain(complaints, memory_format("%s%s; write FILE:NAME, the symbol, or --address=",
				     text, count > CANDIDATES_SHOWN ? "; ..." : ""));
}

/* The linker gives such a section's bounds to whoever asks: it may be walked as an array. */
static bool is_walkable(const char *section)
{
	return *section && !section[strspn(section, "abcdefghijklmnopqrstuvwxyz_"
						    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")];
}

static const char *why_not(const struct bytes *bytes, struct extent at)
{
	const struct section_extent *section = bytes_section(bytes, at.start);
	static const char *const tables[] = { ".got", ".got.plt", ".dynamic", ".init_array",
		".fini_array", ".data.rel.ro", ".preinit_array" };

	if (extents_meet(at, bytes->relro))
		return "it is read-only once the loader is done (RELRO)";
	if (!bytes_are_writable(bytes, at) || !section || at.end > section->at.end)
		return "it does not lie in memory that the program may write to";
	for (size_t i = 0; i < FONDUE_COUNT(tables); i++)
		if (!strcmp(section->name, tables[i]))
			return "it is in a table of the loader's";
	if (!strcmp(section->name, "shared") || !strcmp(section->name, "shared_zero"))
		return "it is annotated already, and needs no plan";
	if (is_walkable(section->name) && !bytes->is_in_place)
		return "the bounds of its section have names (__start_...), so it may be part "
		       "of an array; fondue run --share-page would share its pages";
	return NULL;
}

static void choose(struct symbols *symbols, const struct datum *named, const char *name,
	struct complaints *complaints)
{
	struct datum *datum = symbols_datum(symbols, named->at.start);
	const char *why = why_not(symbols->bytes, named->at);

	if (!why && !symbols->bytes->is_in_place &&
		(!datum || datum->at.start != named->at.start ||
			datum->at.end != named->at.end))
		why = "other variables lie in the same bytes; fondue run --share-page would "
		      "share its pages";
	if (why) {
		complain(complaints, memory_format("%s cannot be shared: %s", name, why));
		return;
	}
	datum->is_chosen = true;
	datum->symbol = named->symbol;
}

static struct wish parse(const char *name)
{
	struct wish wish = { .name = name };
	const char *colon = strchr(name, ':');

	if (colon && colon > name && colon[1] && colon[1] != ':') {
		wish.where = memory_copy(name);
		wish.where[colon - name] = '\0';
		wish.name = colon + 1;
	}
	wish.is_pattern = strchr(wish.name, '*') != NULL;
	return wish;
}

size_t names_count(const struct symbols *symbols, const char *name)
{
	struct wish wish = parse(name);
	const struct datum **found;

	return find_any(symbols, &wish, &found);
}

const struct datum *names_the_only(const struct symbols *symbols, const char *name)
{
	struct wish wish = parse(name);
	const struct datum **found;

	return find_any(symbols, &wish, &found) == 1 ? found[0] : NULL;
}

void names_choose(struct symbols *symbols, const char *name, struct complaints *complaints)
{
	struct wish wish = parse(name);
	const struct datum **found;
	size_t count;

	count = find_any(symbols, &wish, &found);
	if (!count)
		complain(complaints,
			memory_format("there is no variable %s%s", name,
				symbols->has_locals ? "" :
						      " that is exported, and no symbol table "
						      "or debug file to tell of others"));
	else if (count > 1 && !wish.is_pattern)
		complain_ambiguous(complaints, name, found, count);
	else
		for (size_t i = 0; i < count; i++)
			choose(symbols, found[i], wish.is_pattern ? found[i]->symbol : name,
				complaints);
}

static bool parse_number(const char **text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(*text, &end, 0);
	if (errno || end == *text || **text == '-')
		return false;
	*text = end;
	return true;
}

/* Bytes without a symbol, which the object's symbols leave between the variables. */
static bool claim(struct symbols *symbols, struct extent at, const char *text)
{
	for (size_t i = 0; i < symbols->datum_count; i++)
		if (extents_meet(symbols->data[i].at, at))
			return symbols->data[i].at.start == at.start &&
			       symbols->data[i].at.end == at.end;
	symbols->data =
		memory_grow(symbols->data, symbols->datum_count, sizeof(*symbols->data));
	symbols->data[symbols->datum_count++] =
		(struct datum){ .at = at, .symbol = memory_copy(text) };
	symbols_sort(symbols);
	return true;
}

void names_choose_address(
	struct symbols *symbols, const char *text, struct complaints *complaints)
{
	const char *rest = text;
	struct datum datum = { .symbol = memory_copy(text) };
	uint64_t size;

	if (!parse_number(&rest, &datum.at.start) || *rest++ != ',' ||
		!parse_number(&rest, &size) || *rest || !size ||
		datum.at.start + size < datum.at.start) {
		complain(complaints,
			memory_format("--address=%s is not understood: 0xADDRESS,SIZE", text));
		return;
	}
	datum.at.end = datum.at.start + size;
	if (!why_not(symbols->bytes, datum.at) && !claim(symbols, datum.at, text)) {
		complain(complaints,
			memory_format("%s is part of a variable, or more than one: %s", text,
				symbols_place(symbols, datum.at.start)));
		return;
	}
	if (symbols_datum(symbols, datum.at.start))
		datum.symbol = symbols_datum(symbols, datum.at.start)->symbol;
	choose(symbols, &datum, text, complaints);
}
