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

/* Enough to tell a table from a text, and a table from a counter. */
#define WORDS_MAX 64

/* From so many words on (48 MB of them), a change has only a few. */
#define WORDS_MANY 1000000
#define WORDS_FEW  4

static size_t words_kept;

struct gathering {
	struct seen *seen;
	const struct comparison *comparison;
	const struct picture *before, *now;
	size_t before_area, now_area; /* numbers */
	const struct area *area;
	struct variable_seen *variable; /* or NULL */
	uint64_t end;			/* of the variable, in the process */
	uint64_t passed;		/* bits of it that have their word */
	struct seen_change change;
	uint64_t unnamed;
};

static void finish(struct gathering *gathering)
{
	struct seen *seen = gathering->seen;
	struct seen_change *change = &gathering->change;

	/* bytes of padding are nobody's */
	if (gathering->variable && change->word_count) {
		change->variable = variable_enter(gathering->variable, gathering->area->object,
			seen, gathering->comparison->program);
		change->words =
			realloc(change->words, change->word_count * sizeof(*change->words));
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

/* A long double is told as a double: words have no more than 8 bytes. */
static uint64_t shortened(const unsigned char *bytes)
{
	long double wide;
	uint64_t ret;
	double value;

	memcpy(&wide, bytes, sizeof(wide));
	value = (double)wide;
	memcpy(&ret, &value, sizeof(ret));
	return ret;
}

static uint64_t value_of(const struct gathering *gathering, const struct picture *picture,
	size_t area, const struct field *field)
{
	unsigned char bytes[sizeof(long double) + 8] = { 0 };
	uint64_t start = gathering->variable->start + gathering->area->bias + field->bit / 8;
	unsigned shift = field->bit % 8;
	uint64_t low;

	if (field->bits > 64) {
		picture_copy(picture, area, start, bytes, sizeof(long double));
		return shortened(bytes);
	}
	picture_copy(picture, area, start, bytes, (shift + field->bits + 7) / 8);
	memcpy(&low, bytes, sizeof(low));
	if (shift)
		low = low >> shift | (uint64_t)bytes[8] << (64 - shift);
	return field->bits < 64 ? low & ((UINT64_C(1) << field->bits) - 1) : low;
}

static bool may_point(const struct field *field)
{
	return field->bits == 8 * sizeof(void *) &&
	       (field->encoding == SEEN_POINTER || field->encoding == SEEN_UNKNOWN ||
		       field->encoding == SEEN_UNSIGNED);
}

static enum seen_class class_of(
	const struct picture *picture, const struct field *field, uint64_t value)
{
	return may_point(field) ? space_class(picture_space(picture), value) : SEEN_NUMBER;
}

static void add_word(struct gathering *gathering, const struct field *field)
{
	struct seen_change *change = &gathering->change;
	struct seen_word word = {
		.offset = field->bit / 8,
		.width = field->bits > 64 ? 8 : (unsigned)(field->bits + 7) / 8,
		.encoding = field->encoding,
		.member = field->path,
		.before = value_of(gathering, gathering->before, gathering->before_area, field),
		.after = value_of(gathering, gathering->now, gathering->now_area, field),
	};

	word.was_class = class_of(gathering->before, field, word.before);
	word.is_class = class_of(gathering->now, field, word.after);
	change->words = memory_grow(change->words, change->word_count, sizeof(word));
	change->words[change->word_count++] = word;
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

static void visit_byte(struct gathering *gathering, uint64_t address, unsigned char changed)
{
	const struct area *area = gathering->area;

	if (gathering->variable && address >= gathering->end)
		finish(gathering);
	if (!gathering->variable) {
		struct variable_seen *variable = symbols_at(area->object, address - area->bias);

		if (!variable) {
			gathering->unnamed += !is_lazy_binding(area, address);
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
			picture_page(gathering->before, gathering->before_area, at);
		const unsigned char *now =
			picture_page(gathering->now, gathering->now_area, at);

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
		.seen = seen, .comparison = comparison, .before = before, .now = now
	};

	for (size_t i = 0; i < space->area_count; i++) {
		gathering.area = &space->areas[i];
		gathering.before_area = i;
		gathering.unnamed = 0;
		if (!find_area(picture_space(now), gathering.area, &gathering.now_area))
			continue;
		compare_area(&gathering);
		count_unnamed(&gathering);
	}
}
