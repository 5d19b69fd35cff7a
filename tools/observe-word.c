/* SPDX-License-Identifier: MIT */
/*
 * observe-word.c - the value of a part of a variable, in two pictures of it
 *
 * What may be an address is looked for in what was mapped at that moment: a pointer into
 * private memory means nothing to another process, one into shared memory does.
 */
#include <string.h>

#include "observe-word.h"

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

static uint64_t value_of(const struct site *site, uint64_t start, const struct field *field)
{
	unsigned char bytes[sizeof(long double) + 8] = { 0 };
	unsigned shift = field->bit % 8;
	uint64_t low;

	if (field->bits > 64) {
		picture_copy(site->picture, site->area, start, bytes, sizeof(long double));
		return shortened(bytes);
	}
	picture_copy(site->picture, site->area, start, bytes, (shift + field->bits + 7) / 8);
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
	const struct site *site, const struct field *field, uint64_t value)
{
	return may_point(field) ? space_class(picture_space(site->picture), value) :
				  SEEN_NUMBER;
}

struct seen_word word_make(const struct site *before, const struct site *now, uint64_t start,
	const struct field *field)
{
	struct seen_word word = {
		.offset = field->bit / 8,
		.width = field->bits > 64 ? 8 : (unsigned)(field->bits + 7) / 8,
		.encoding = field->encoding,
		.member = field->path,
	};

	word.before = value_of(before, start + word.offset, field);
	word.after = value_of(now, start + word.offset, field);
	word.was_class = class_of(before, field, word.before);
	word.is_class = class_of(now, field, word.after);
	return word;
}
