/* SPDX-License-Identifier: MIT */
/*
 * neighbours.c - a page has room for many
 *
 * Whoever shares a page shares every byte of it, so every byte is accounted for: by a symbol;
 * by the section, where that is one of the loader's tables; as padding; or as so many bytes
 * that no symbol tells of. Most variables do no harm when they are shared, or harm only
 * their program. What somebody else relies on to be private does: what belongs to libc, what
 * the loader has filled in, and tables of pointers, by which code is called.
 */
#include <string.h>

#include "memory.h"
#include "neighbours.h"

/* As symbols_fill_gaps() has it: so much between two variables may be for alignment. */
#define PADDING_MAX 64

struct search {
	struct neighbours *found;
	const struct symbols *symbols;
	const struct bytes *bytes;
	const struct loaded_words *words;
};

static struct neighbour *add(struct search *search, struct extent at)
{
	struct neighbours *found = search->found;

	found->list = memory_grow(found->list, found->count, sizeof(*found->list));
	found->list[found->count] = (struct neighbour){ .at = at };
	return &found->list[found->count++];
}

static struct extent common(struct extent a, struct extent b)
{
	return (struct extent){ a.start > b.start ? a.start : b.start,
		a.end < b.end ? a.end : b.end };
}

/* Filled in by the loader, or read by it. */
static const char *table_at(const struct bytes *bytes, uint64_t address)
{
	static const char *const tables[] = { ".got", ".got.plt", ".dynamic", ".init_array",
		".fini_array", ".preinit_array", ".ctors", ".dtors", ".data.rel.ro", ".tdata" };
	const struct section_extent *section = bytes_section(bytes, address);

	for (size_t i = 0; section && i < FONDUE_COUNT(tables); i++)
		if (!strcmp(section->name, tables[i]))
			return section->name;
	return NULL;
}

static void judge_pointers(const struct search *search, struct neighbour *neighbour)
{
	size_t count = loaded_words_count(search->words, neighbour->at);
	bool is_fixed = search->bytes->object->header.e_type == ET_EXEC;

	if (!count)
		return;
	neighbour->what = memory_format("%zu %s%s", count, is_fixed ? "address" : "pointer",
		count == 1 ? "" :
		is_fixed   ? "es" :
			     "s");
	/* one alone is no table, if it is a variable */
	neighbour->is_dangerous |= count > 1 || !neighbour->name;
}

static bool is_of_start_files(const char *name)
{
	static const char *const names[] = { "__dso_handle", "completed.0", "completed" };

	for (size_t i = 0; i < FONDUE_COUNT(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static void judge(const struct search *search, struct neighbour *neighbour, uint64_t start)
{
	const struct copied *copied = loaded_words_copy(search->words, start);
	const char *table = table_at(search->bytes, start);

	judge_pointers(search, neighbour);
	if (copied) {
		neighbour->what = memory_format("copy relocation of %s",
			copied->library ? copied->library : "a library's variable");
		neighbour->is_dangerous = true;
	} else if (table) {
		neighbour->what = memory_format("part of %s, the loader's", table);
		neighbour->is_dangerous = true;
	} else if (neighbour->name && !strcmp(neighbour->name, "fondue_binding_")) {
		neighbour->what = "what fondue has for each process alone";
		neighbour->is_dangerous = true;
	} else if (neighbour->name && is_of_start_files(neighbour->name)) {
		neighbour->what = "of the compiler's start files";
	}
}

/* The first symbol that is not below @address. */
static size_t first_name(const struct symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->name_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->names[middle].at.start < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Both tables of symbols may have it. */
static bool is_told(const struct symbols *symbols, size_t first, size_t number)
{
	for (size_t i = first; i < number; i++)
		if (!strcmp(symbols->names[i].symbol, symbols->names[number].symbol))
			return true;
	return false;
}

/* "environ, __environ": all symbols of the same place, or that lie in part of it. */
static const char *all_names(const struct symbols *symbols, const struct datum *datum)
{
	size_t first = first_name(symbols, datum->at.start);
	const char *text = datum_name(datum);

	for (size_t i = first; i < symbols->name_count; i++) {
		if (symbols->names[i].at.start >= datum->at.end)
			break;
		if (!is_told(symbols, first, i) &&
			strcmp(symbols->names[i].symbol, datum->symbol) != 0)
			text = memory_format("%s, %s", text, symbols->names[i].symbol);
	}
	return text;
}

static void add_datum(struct search *search, const struct datum *datum, struct extent pages)
{
	struct neighbour *neighbour;

	if (datum->is_chosen)
		return;
	neighbour = add(search, common(datum->at, pages));
	neighbour->name = datum_name(datum);
	judge(search, neighbour, datum->at.start);
	neighbour->name = all_names(search->symbols, datum);
}

/* Where the linker says that something begins or ends. */
static bool is_mark(const char *name)
{
	static const char *const marks[] = { "__bss_start", "_edata", "edata", "_end", "end",
		"__data_start", "data_start", "__TMC_END__", "__TMC_LIST__", "__bss_end",
		"_bss_end__", "__bss_end__", "__end__" };

	for (size_t i = 0; i < FONDUE_COUNT(marks); i++)
		if (!strcmp(name, marks[i]))
			return true;
	return !strncmp(name, "__start_", 8) || !strncmp(name, "__stop_", 7);
}

/* "counter, other": symbols without a size, as assembly has them; or NULL. */
static const char *labels_in(const struct symbols *symbols, struct extent gap)
{
	const char *text = NULL;

	for (size_t i = 0; i < symbols->label_count; i++) {
		const struct datum *label = &symbols->labels[i];

		if (!extent_holds(gap, label->at.start) || is_mark(label->symbol) ||
			(text && !strcmp(text, label->symbol)))
			continue;
		text = text ? memory_format("%s, %s", text, label->symbol) : label->symbol;
	}
	return text;
}

static bool is_padding(const struct search *search, struct extent gap)
{
	if (gap.end - gap.start >= PADDING_MAX || !search->symbols->has_locals ||
		table_at(search->bytes, gap.start) || loaded_words_count(search->words, gap) ||
		labels_in(search->symbols, gap))
		return false;
	for (uint64_t at = gap.start; at < gap.end; at++) {
		const uint8_t *byte = bytes_at(search->bytes, at, 1);

		if (byte && *byte)
			return false;
	}
	return true;
}

/* Bytes of the segment between variables, all of one section or between two. */
static void add_gap(struct search *search, struct extent gap)
{
	const struct section_extent *section = bytes_section(search->bytes, gap.start);
	const char *labels = labels_in(search->symbols, gap);
	struct neighbour *neighbour;

	if (is_padding(search, gap)) {
		search->found->padding += gap.end - gap.start;
		return;
	}
	neighbour = add(search, gap);
	judge(search, neighbour, gap.start);
	if (!neighbour->what)
		neighbour->what =
			!section ? "between sections" :
				   memory_format("in %s, without a symbol", section->name);
	if (labels)
		neighbour->what = memory_format("%s, at least %s", neighbour->what, labels);
	/* nobody can tell what it is */
	neighbour->is_dangerous |= section && !search->symbols->has_locals;
}

/* The next place at which a section begins or ends, or @end. */
static uint64_t next_edge(const struct bytes *bytes, uint64_t at, uint64_t end)
{
	for (size_t i = 0; i < bytes->section_count; i++) {
		struct extent section = bytes->sections[i].at;

		if (section.start > at && section.start < end)
			end = section.start;
		if (section.end > at && section.end < end)
			end = section.end;
	}
	return end;
}

static void add_gaps(struct search *search, struct extent gap)
{
	while (gap.start < gap.end) {
		uint64_t edge = next_edge(search->bytes, gap.start, gap.end);

		add_gap(search, (struct extent){ gap.start, edge });
		gap.start = edge;
	}
}

static void add_outside(struct search *search, uint64_t start, uint64_t end, const char *what)
{
	if (start < end)
		add(search, (struct extent){ start, end })->what = what;
}

static void cover(struct search *search, struct extent pages, struct extent segment)
{
	const struct symbols *symbols = search->symbols;
	struct extent inside = common(pages, segment);
	uint64_t end = inside.start;

	add_outside(search, pages.start, inside.start,
		"before the object's data, of what stands before it in the file");
	for (size_t i = symbols_first(symbols, inside.start);
		i < symbols->datum_count && symbols->data[i].at.start < inside.end; i++) {
		const struct datum *datum = &symbols->data[i];

		add_gaps(search, (struct extent){ end, datum->at.start });
		add_datum(search, datum, inside);
		end = datum->at.end;
	}
	add_gaps(search, (struct extent){ end, inside.end });
	add_outside(search, inside.end, pages.end,
		"behind the end of the object's data, of nobody");
}

static struct extent pages_of(struct extent at)
{
	const uint64_t mask = PLAN_PAGE_SIZE - 1;

	return (struct extent){ at.start & ~mask, (at.end + mask) & ~mask };
}

/* The loader makes whole pages read-only; a last one that is not filled it leaves. */
static bool is_in_relro(const struct bytes *bytes, struct extent pages)
{
	struct extent relro = pages_of(bytes->relro);

	relro.end = bytes->relro.end & ~(uint64_t)(PLAN_PAGE_SIZE - 1);
	return relro.start < relro.end && extents_meet(relro, pages);
}

const char *neighbours_find(struct neighbours *ret, const struct symbols *symbols,
	const struct loaded_words *words, struct extent pages)
{
	struct search search = {
		.found = ret, .symbols = symbols, .bytes = symbols->bytes, .words = words
	};
	const struct load *load = NULL;

	if (is_in_relro(search.bytes, pages))
		return "pages that it lies in are read-only once the loader is done (RELRO)";
	for (size_t i = 0; i < search.bytes->load_count; i++) {
		const struct load *next = &search.bytes->loads[i];

		if (!extents_meet(pages_of(next->at), pages))
			continue;
		if (load || (next->flags & PF_X) || !(next->flags & PF_W))
			return "code or constants lie in its pages, too";
		load = next;
	}
	if (!load)
		return "it lies outside of what is loaded";
	cover(&search, pages, load->at);
	return NULL;
}
