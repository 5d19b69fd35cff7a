/* SPDX-License-Identifier: MIT */
/*
 * naming.c - a name that is certain, or none
 *
 * The nearest symbol below an address is often another function's: what is static in a
 * stripped library has no symbol, its neighbours have. So only one whose size covers the
 * address counts. Of several it is the same that the runtime would choose (preload/names.c):
 * the one that spans least, then one that others can use, then the one that looks least
 * internal.
 *
 * Symbols overlap, so the one that begins last is not always the one that covers. Sorted by
 * their start, each knows how far any before it reaches: that ends the walk back.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "naming.h"

#define SYMBOLS_MAX (16 << 20)

/* "read@@GLIBC_2.2.5" is called read. */
static const char *without_version(const char *name)
{
	size_t length = strcspn(name, "@");

	return name[length] ? memory_format("%.*s", (int)length, name) : name;
}

static void add(const char *name, const GElf_Sym *symbol, uint64_t address, void *arg)
{
	struct naming *naming = arg;
	int type = GELF_ST_TYPE(symbol->st_info);
	bool is_code = type == STT_FUNC || type == STT_GNU_IFUNC;

	if (!symbol->st_size || address + symbol->st_size < address || *name == '@' ||
		naming->count >= SYMBOLS_MAX)
		return;
	if (!is_code && type != STT_OBJECT && type != STT_NOTYPE && type != STT_COMMON)
		return;
	naming->symbols = memory_grow(naming->symbols, naming->count, sizeof(*naming->symbols));
	naming->symbols[naming->count++] = (struct symbol){
		.start = address,
		.end = address + symbol->st_size,
		.name = without_version(name),
		.is_local = GELF_ST_BIND(symbol->st_info) == STB_LOCAL,
		/* what is written in assembly language may have no type */
		.is_code = is_code || type == STT_NOTYPE,
		.is_data = !is_code,
	};
}

static int compare(const void *a, const void *b)
{
	const struct symbol *one = a, *other = b;

	return (one->start > other->start) - (one->start < other->start);
}

void naming_open(struct naming *naming, const struct debuginfo *debuginfo)
{
	uint64_t reach = 0;

	*naming = (struct naming){ 0 };
	debuginfo_visit_symbols(debuginfo, add, naming);
	if (!naming->count)
		return;
	qsort(naming->symbols, naming->count, sizeof(*naming->symbols), compare);
	for (size_t i = 0; i < naming->count; i++) {
		if (naming->symbols[i].end > reach)
			reach = naming->symbols[i].end;
		naming->symbols[i].reach = reach;
	}
}

static bool is_better(const struct symbol *symbol, const struct symbol *best)
{
	uint64_t size = symbol->end - symbol->start;

	if (!best || size != best->end - best->start)
		return !best || size < best->end - best->start;
	if (symbol->is_local != best->is_local)
		return best->is_local;
	return strspn(symbol->name, "_") < strspn(best->name, "_");
}

/* How many begin at or before it. */
static size_t count_before(const struct naming *naming, uint64_t address)
{
	size_t low = 0, high = naming->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (naming->symbols[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_of_kind(const struct symbol *symbol, enum naming_kind kind)
{
	return kind == NAMING_CODE ? symbol->is_code : symbol->is_data;
}

const struct symbol *naming_find(
	const struct naming *naming, enum naming_kind kind, uint64_t address)
{
	const struct symbol *best = NULL;

	for (size_t i = count_before(naming, address); i-- > 0;) {
		const struct symbol *symbol = &naming->symbols[i];

		if (symbol->reach <= address)
			break;
		if (symbol->end > address && is_of_kind(symbol, kind) &&
			is_better(symbol, best))
			best = symbol;
	}
	return best;
}
