/* SPDX-License-Identifier: MIT */
/*
 * observe-compare.c - from pages that differ to bytes, from bytes to variables and words
 *
 * Bytes are visited by address, so each variable comes once: it is gathered until a byte
 * belongs to another. Within it a changed byte leads to the part of basic type that it is
 * in (`observe-symbols`), which becomes one word, before and after.
 *
 * An area counts if it is there in both pictures: of the same object, at the same place.
 * After a dlclose(3) there is something else, or nothing.
 *
 * A program may fork without end, so what is kept of each change has a limit; when much has
 * been kept, it is a lower one. All changed bytes are counted.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "observe-compare.h"
#include "observe-kind.h"
#include "observe-variable.h"
#include "observe-word.h"

/* Enough to tell a table from a text, and a table from a counter. */
#define WORDS_MAX 64

/* From so many words on (48 MB of them), a change has only a few. */
#define WORDS_MANY 1000000
#define WORDS_FEW  4

static size_t words_kept;

struct gathering {
	struct seen *seen;
	const struct comparison *comparison;
	struct site before, now;
	const struct area *area;
	struct variable_seen *variable; /* or NULL */
	uint64_t end;			/* of the variable, in the process */
	uint64_t passed;		/* bits of it that have their word */
	struct seen_change change;
	uint64_t unnamed;	/* bytes */
	uint64_t last_unnamed;	/* the address of the last word of them */
	unsigned unnamed_words; /* that are told */
};

static void finish(struct gathering *gathering)
{
	struct seen *seen = gathering->seen;
	struct seen_change *change = &gathering->change;

	/* bytes of padding are nobody's */
	if (gathering->variable && change->word_count) {
		change->variable = variable_enter(gathering->variable, gathering->area->object,
			seen, gathering->comparison->program);
		seen->changes = memory_grow(seen->changes, seen->change_count, sizeof(*change));
		seen->changes[seen->change_count++] = *change;
		words_kept += change->word_count;
	}
	gathering->variable = NULL;
}

static void begin(struct gathering *gathering, struct variable_seen *variable)
{
	const struct comparison *comparison = gathering->comparison;

	gathering->variable = variable;
	gathering->end = variable->end + gathering->area->bias;
	gathering->passed = 0;
	gathering->change = (struct seen_change){
		.process = comparison->process,
		.when = comparison->when,
		.at_us = comparison->at_us,
	};
}

static void add_word(struct gathering *gathering, const struct field *field)
{
	struct seen_change *change = &gathering->change;
	uint64_t start = gathering->variable->start + gathering->area->bias;

	change->words = memory_grow(change->words, change->word_count, sizeof(*change->words));
	change->words[change->word_count++] =
		word_make(&gathering->before, &gathering->now, start, field);
}

static bool is_full(const struct gathering *gathering)
{
	size_t most = words_kept < WORDS_MANY ? WORDS_MAX : WORDS_FEW;

	return gathering->change.word_count >= most;
}

/* A byte of bit-fields may have several that changed. */
static void add_words(struct gathering *gathering, uint64_t address, unsigned char changed)
{
	uint64_t first = 8 * (address - gathering->area->bias - gathering->variable->start);

	for (unsigned i = 0; i < 8 && !is_full(gathering); i++) {
		const struct field *field;

		if (!(changed >> i & 1) || first + i < gathering->passed)
			continue;
		field = variable_field(gathering->variable, first + i);
		if (!field)
			continue;
		add_word(gathering, field);
		gathering->passed = field->bit + field->bits;
	}
}

static bool is_lazy_binding(const struct area *area, uint64_t address)
{
	uint64_t in_file = address - area->bias;

	return area->object->got <= in_file && in_file < area->object->got_end;
}

/* Of what has no symbol nobody knows where it begins: it is told by aligned words. */
static void add_unnamed(struct gathering *gathering, uint64_t address)
{
	static const struct field all = { .bits = 64 };
	const struct comparison *comparison = gathering->comparison;
	struct seen *seen = gathering->seen;
	uint64_t start = address & -UINT64_C(8);

	gathering->unnamed++;
	if (start == gathering->last_unnamed || gathering->unnamed_words == WORDS_MAX ||
		words_kept > WORDS_MANY)
		return;
	gathering->last_unnamed = start;
	gathering->unnamed_words++;
	words_kept++;
	seen->unnamed = memory_grow(seen->unnamed, seen->unnamed_count, sizeof(*seen->unnamed));
	seen->unnamed[seen->unnamed_count++] = (struct seen_unnamed){
		.process = comparison->process,
		.object = kind_enter(gathering->area->object, seen, comparison->program),
		.when = comparison->when,
		.address = start - gathering->area->bias,
		.word = word_make(&gathering->before, &gathering->now, start, &all),
	};
}

static void visit_byte(struct gathering *gathering, uint64_t address, unsigned char changed)
{
	const struct area *area = gathering->area;

	if (gathering->variable && address >= gathering->end)
		finish(gathering);
	if (!gathering->variable) {
		struct variable_seen *variable = symbols_at(area->object, address - area->bias);

		if (!variable) {
			if (!is_lazy_binding(area, address))
				add_unnamed(gathering, address);
			return;
		}
		begin(gathering, variable);
	}
	gathering->change.changed++;
	add_words(gathering, address, changed);
}

static void compare_page(struct gathering *gathering, uint64_t address,
	const unsigned char *before, const unsigned char *now, size_t size)
{
	/* most of a page is the same, so it is gone through by words first */
	for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
		if (!memcmp(before + at, now + at, sizeof(uint64_t)))
			continue;
		for (size_t i = at; i < at + sizeof(uint64_t); i++)
			if (before[i] != now[i])
				visit_byte(gathering, address + i, before[i] ^ now[i]);
	}
}

static const unsigned char *page_or_original(
	const unsigned char *page, const struct area *area, uint64_t address, size_t size)
{
	static unsigned char *original;

	if (page)
		return page;
	if (!original)
		original = memory_get(size);
	observed_original(area->object, address - area->bias, original, size);
	return original;
}

static void compare_area(struct gathering *gathering)
{
	const struct area *area = gathering->area;
	size_t size = (size_t)sysconf(_SC_PAGESIZE);

	for (uint64_t at = area->start; at < area->end; at += size) {
		const unsigned char *before =
			picture_page(gathering->before.picture, gathering->before.area, at);
		const unsigned char *now =
			picture_page(gathering->now.picture, gathering->now.area, at);

		if (!before && !now)
			continue;
		before = page_or_original(before, area, at, size);
		now = page_or_original(now, area, at, size);
		if (memcmp(before, now, size))
			compare_page(gathering, at, before, now, size);
	}
	finish(gathering);
}

static bool holds(const struct area *now, const struct area *before)
{
	return now->object == before->object && now->bias == before->bias &&
	       now->start <= before->start && before->end <= now->end;
}

/* Return: is it there still, so that *@ret is its number? */
static bool find_area(const struct space *space, const struct area *area, size_t *ret)
{
	for (size_t i = 0; i < space->area_count; i++)
		if (holds(&space->areas[i], area)) {
			*ret = i;
			return true;
		}
	return false;
}

/* Only once for each child, at its end. */
static void count_unnamed(struct gathering *gathering)
{
	struct seen *seen = gathering->seen;
	size_t object;

	if (gathering->comparison->when != SEEN_END || !gathering->unnamed)
		return;
	object = kind_enter(gathering->area->object, seen, gathering->comparison->program);
	seen->objects[object].unnamed += gathering->unnamed;
}

void compare_begin(void)
{
	words_kept = 0;
	symbols_forget();
}

void compare_pictures(struct seen *seen, const struct comparison *comparison,
	const struct picture *before, const struct picture *now)
{
	const struct space *space = picture_space(before);
	struct gathering gathering = {
		.seen = seen,
		.comparison = comparison,
		.before = { .picture = before },
		.now = { .picture = now },
	};

	for (size_t i = 0; i < space->area_count; i++) {
		gathering.area = &space->areas[i];
		gathering.before.area = i;
		gathering.unnamed = 0;
		gathering.unnamed_words = 0;
		if (!find_area(picture_space(now), gathering.area, &gathering.now.area))
			continue;
		compare_area(&gathering);
		count_unnamed(&gathering);
	}
}
