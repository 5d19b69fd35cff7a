/* SPDX-License-Identifier: MIT */
/*
 * share-pages.c - coarse, and said aloud
 *
 * Where no proof is to be had that a variable can be moved, its pages can still be shared where
 * they are; with everything in them. So this lists everything: on every start, for a program
 * that is built anew has other neighbours. Who finds a name in it that should be private does
 * not want this.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kept.h"
#include "memory.h"
#include "neighbours.h"
#include "plan-output.h"
#include "say.h"
#include "share-pages.h"

struct pages {
	struct extent at;
	const char *names; /* "hits, table": for whose sake */
};

struct page_list {
	struct pages *list;
	size_t count;
};

static void add_pages(struct page_list *pages, const struct datum *datum)
{
	const uint64_t mask = PLAN_PAGE_SIZE - 1;
	struct extent at = { datum->at.start & ~mask, (datum->at.end + mask) & ~mask };
	struct pages *last = pages->count ? &pages->list[pages->count - 1] : NULL;

	if (last && at.start <= last->at.end) {
		if (at.end > last->at.end)
			last->at.end = at.end;
		last->names = memory_format("%s, %s", last->names, datum_name(datum));
		return;
	}
	pages->list = memory_grow(pages->list, pages->count, sizeof(*pages->list));
	pages->list[pages->count++] = (struct pages){ .at = at, .names = datum_name(datum) };
}

/* Of the chosen variables, which are by address. */
static struct page_list list_pages(const struct part *part)
{
	struct page_list pages = { 0 };

	for (size_t i = 0; i < part->symbols.datum_count; i++)
		if (part->symbols.data[i].is_chosen)
			add_pages(&pages, &part->symbols.data[i]);
	return pages;
}

static const char *bytes_of(uint64_t count)
{
	return memory_format("%" PRIu64 " byte%s", count, count == 1 ? "" : "s");
}

static const char *describe(const struct neighbour *neighbour)
{
	const char *size = bytes_of(neighbour->at.end - neighbour->at.start);
	const char *what = neighbour->what ? neighbour->what : "";

	if (!neighbour->name)
		return memory_format(
			"%s at 0x%" PRIx64 ", %s", size, neighbour->at.start, what);
	return memory_format("%s (%s)%s%s", neighbour->name, size, *what ? ", " : "", what);
}

static void list(
	const struct part *part, const struct pages *pages, const struct neighbours *all)
{
	say("run: --share-page: %s: all of 0x%" PRIx64 "-0x%" PRIx64
	    " is shared for the sake of "
	    "%s; there, too, %s:",
		say_base_name(part->path), pages->at.start, pages->at.end, pages->names,
		all->count || all->padding ? "lie" : "lies nothing else");
	for (size_t i = 0; i < all->count; i++)
		say("run:   %s%s", describe(&all->list[i]),
			all->list[i].is_dangerous ? " (!)" : "");
	if (all->padding)
		say("run:   %s of padding", bytes_of(all->padding));
}

static bool look_at(
	struct part *part, const struct loaded_words *words, const struct pages *pages)
{
	struct neighbours all = { 0 };
	const char *why = neighbours_find(&all, &part->symbols, words, pages->at);

	if (why) {
		say("run: --share-page: %s: %s: refused: %s", say_base_name(part->path),
			pages->names, why);
		return false;
	}
	list(part, pages, &all);
	for (size_t i = 0; i < all.count; i++)
		if (all.list[i].is_dangerous)
			part->dangers =
				memory_format("%s%s%s", part->dangers ? part->dangers : "",
					part->dangers ? "; " : "", describe(&all.list[i]));
	return true;
}

bool pages_look(struct part *part)
{
	struct loaded_words words;
	struct page_list pages;

	if (!part_choose(part))
		return false;
	loaded_words_read(&words, &part->bytes);
	pages = list_pages(part);
	if (pages.count > PLAN_PAGES_MAX) {
		say("run: --share-page: %s: refused: there are more than %d places; name fewer",
			say_base_name(part->path), PLAN_PAGES_MAX);
		return false;
	}
	for (size_t i = 0; i < pages.count; i++)
		if (!look_at(part, &words, &pages.list[i]))
			return false;
	return true;
}

bool pages_are_harmless(const struct parts *parts)
{
	bool good = true;

	for (size_t i = 0; i < parts->count; i++) {
		const struct part *part = parts->list[i];

		if (!part->dangers)
			continue;
		say("run: --share-page: %s: refused, for this is better not shared: %s; with --yes "
		    "it is, all the same",
			say_base_name(part->path), part->dangers);
		good = false;
	}
	return good;
}

static const char *write_plan(const struct part *part, const char *path)
{
	struct plan_output plan = { 0 }, strings = { 0 };
	struct plan_header header = output_begin(&part->bytes, PLAN_OF_PAGES, &strings);
	struct page_list pages = list_pages(part);

	header.variables = (uint32_t)pages.count;
	output_put(&plan, &header, sizeof(header));
	for (size_t i = 0; i < pages.count; i++) {
		struct plan_variable variable = { .address = pages.list[i].at.start,
			.size = pages.list[i].at.end - pages.list[i].at.start,
			.name = output_string(&strings, pages.list[i].names) };

		output_put(&plan, &variable, sizeof(variable));
	}
	return output_write(&plan, &strings, path);
}

bool pages_plan(const struct part *part, const char *directory)
{
	char *path = kept_path(part, directory, "pages");
	const char *why = NULL;

	if (!kept_is_there(path)) {
		kept_clear(path);
		why = write_plan(part, path);
	}
	if (why)
		say("run: %s: %s; no plan is written", path, why);
	return !why && kept_announce(path);
}
