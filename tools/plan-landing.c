/* SPDX-License-Identifier: MIT */
/*
 * plan-landing.c - where exceptions land
 *
 * A call in a `try`, or beside something that has a destructor, has two ways on: behind it, and
 * to its landing pad, which no branch leads to. Each function that has such calls has a table,
 * the LSDA: pieces of its code, and for each the landing pad. The unwind information of the
 * function (its FDE in .eh_frame) says where the table is, in an encoding that the CIE names
 * which it refers to. The format is that of the Linux Standard Base and of the Itanium C++ ABI;
 * numbers are LEB128, or as a byte of encoding says.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "plan-landing.h"

/* Of one object; more is damage. */
#define FUNCTIONS_MAX 1000000

/* Encodings of pointers: how large, and relative to what (dwarf.h has no complete list). */
enum {
	FORM_MASK = 0x0f,
	FORM_ADDRESS = 0x00,
	FORM_ULEB = 0x01,
	FORM_U4 = 0x03,
	FORM_U8 = 0x04,
	FORM_S4 = 0x0b,
	FORM_S8 = 0x0c,
	FROM_HERE = 0x10,
	FROM_MASK = 0x70,
	INDIRECT = 0x80,
	OMITTED = 0xff,
};

struct reading {
	const struct bytes *bytes;
	uint64_t at;
	bool is_bad;
};

static const uint8_t *take(struct reading *r, uint64_t count)
{
	const uint8_t *bytes = bytes_at(r->bytes, r->at, count);

	r->is_bad |= !bytes;
	r->at += count;
	return bytes;
}

static uint8_t take_byte(struct reading *r)
{
	const uint8_t *byte = take(r, 1);

	return byte ? *byte : 0;
}

static uint64_t take_uleb(struct reading *r)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = take_byte(r);
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80 && !r->is_bad);
	return value;
}

static uint64_t take_fixed(struct reading *r, unsigned size, bool is_signed)
{
	const uint8_t *bytes = take(r, size);
	uint64_t value = 0;

	if (bytes)
		memcpy(&value, bytes, size);
	return is_signed && size == 4 ? (uint64_t)(int64_t)(int32_t)value : value;
}

static uint64_t take_form(struct reading *r, uint8_t encoding)
{
	switch (encoding & FORM_MASK) {
	case FORM_ULEB:
		return take_uleb(r);
	case FORM_U4:
		return take_fixed(r, 4, false);
	case FORM_S4:
		return take_fixed(r, 4, true);
	case FORM_ADDRESS:
	case FORM_U8:
	case FORM_S8:
		return take_fixed(r, 8, false);
	default:
		r->is_bad = true;
		return 0;
	}
}

static uint64_t take_pointer(struct reading *r, uint8_t encoding)
{
	uint64_t here = r->at, value = take_form(r, encoding);

	if ((encoding & FROM_MASK) == FROM_HERE)
		return value + here;
	r->is_bad |= (encoding & FROM_MASK) != 0;
	return value;
}

/* What the letters of the CIE's augmentation say of its FDEs. */
struct augmentation {
	bool has_size;
	uint8_t table;	 /* encoding of the LSDA's address, or OMITTED */
	uint8_t address; /* of addresses of code */
};

static void read_letters(
	struct reading *r, const char *letters, size_t count, struct augmentation *ret)
{
	for (size_t i = 1; i < count; i++) {
		uint8_t encoding;

		switch (letters[i]) {
		case 'L':
			ret->table = take_byte(r);
			break;
		case 'R':
			ret->address = take_byte(r);
			break;
		case 'P':
			encoding = take_byte(r);
			take_form(r, encoding);
			break;
		default:
			break; /* 'S' and 'B' have no data */
		}
	}
}

static struct augmentation read_cie(const struct bytes *bytes, uint64_t at, bool *is_bad)
{
	struct reading r = { .bytes = bytes, .at = at + 8 };
	struct augmentation it = { .table = OMITTED };
	uint8_t version = take_byte(&r);
	char letters[8] = "";
	size_t count = 0;

	while (!r.is_bad && count < sizeof(letters) && (letters[count] = (char)take_byte(&r)))
		count++;
	take_uleb(&r); /* factors of code and data, and the return address's register */
	take_uleb(&r);
	if (version == 1)
		take_byte(&r);
	else
		take_uleb(&r);
	it.has_size = letters[0] == 'z';
	if (it.has_size) {
		take_uleb(&r);
		read_letters(&r, letters, count, &it);
	}
	*is_bad |= r.is_bad || count == sizeof(letters);
	return it;
}

static void add(struct places *places, struct extent at, uint64_t to)
{
	if (!bytes_is_code(places->bytes, to))
		return;
	places->landings =
		memory_grow(places->landings, places->landing_count, sizeof(*places->landings));
	places->landings[places->landing_count++] = (struct landing){ .at = at, .to = to };
}

static bool read_table(struct places *places, uint64_t at, uint64_t function)
{
	struct reading r = { .bytes = places->bytes, .at = at };
	uint8_t encoding = take_byte(&r);
	uint64_t base = encoding == OMITTED ? function : take_pointer(&r, encoding), end;

	if (take_byte(&r) != OMITTED)
		take_uleb(&r);
	encoding = take_byte(&r);
	end = take_uleb(&r);
	end += r.at;
	while (r.at < end && !r.is_bad) {
		uint64_t start = function + take_form(&r, encoding);
		uint64_t size = take_form(&r, encoding);
		uint64_t to = take_form(&r, encoding);

		take_uleb(&r);
		if (to && !r.is_bad)
			add(places, (struct extent){ start, start + size }, base + to);
	}
	return !r.is_bad;
}

static bool read_fde(struct places *places, uint64_t at, uint64_t function)
{
	struct reading r = { .bytes = places->bytes, .at = at + 4 };
	struct augmentation cie;
	uint64_t table;

	cie = read_cie(r.bytes, at + 4 - take_fixed(&r, 4, false), &r.is_bad);
	if (r.is_bad || !cie.has_size || cie.table == OMITTED)
		return !r.is_bad;
	take_form(&r, cie.address);
	take_form(&r, cie.address);
	if (take_uleb(&r) == 0)
		return !r.is_bad;
	table = r.at;
	if (!take_form(&r, cie.table)) /* none, whatever it is relative to */
		return !r.is_bad;
	r.at = table;
	table = take_pointer(&r, cie.table);
	return !r.is_bad && !(cie.table & INDIRECT) && read_table(places, table, function);
}

static int by_start(const void *a, const void *b)
{
	const struct landing *x = a, *y = b;

	return (x->at.start > y->at.start) - (x->at.start < y->at.start);
}

static void refuse(struct places *places, uint64_t function)
{
	places_refuse(places, (struct refusal_of_plan){ .at = function,
				      .is_code = true,
				      .cause = "the table of where its exceptions land is not "
					       "understood",
				      .cure = "annotate the variable instead" });
}

void landings_read(struct places *places)
{
	const struct symbols *symbols = places->symbols;

	for (size_t i = 0; i < symbols->function_count; i++) {
		const struct function *function = &symbols->functions[i];

		if (function->frame && !read_fde(places, function->frame, function->at.start))
			refuse(places, function->at.start);
	}
	if (places->landing_count)
		qsort(places->landings, places->landing_count, sizeof(*places->landings),
			by_start);
}

uint64_t landings_of(const struct places *places, uint64_t at)
{
	size_t low = 0, high = places->landing_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (places->landings[middle].at.end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < places->landing_count && extent_holds(places->landings[low].at, at) ?
		       places->landings[low].to :
		       0;
}
