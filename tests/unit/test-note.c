/* SPDX-License-Identifier: MIT */
/*
 * Description: the note is found wherever a linker puts it, and nothing else is
 *
 * All bytes lie right before a page without access, so that reading one too many is a
 * crash here and not luck.
 */
#include <fondue/shared.h>

#include "note.h"
#include "unit.h"
#include "wire.h"

#define ADDRESS 0x7f1234567000ULL /* where the segment would be loaded */

static const struct note sample = {
	.abi = FONDUE_ABI,
	.align = 4096,
	.at = { { 0x7f1234570000, 0x7f123456f000, 0x7f1234580000 },
		{ 0x7f1234590000, 0x7f1234590000, 0x7f12345a0000 } },
	.binding = 0x7f1234561230,
};

/* A segment under construction. */
static uint8_t *segment;
static size_t size;
static uint8_t *room; /* of ROOM_SIZE bytes, guarded */
#define ROOM_SIZE 4096

static void begin(void)
{
	if (!room)
		room = make_guarded(ROOM_SIZE);
	memset(room, 0, ROOM_SIZE);
	segment = room;
	size = 0;
}

static uint8_t *add_bytes(const void *bytes, size_t count)
{
	uint8_t *at = segment + size;

	memcpy(at, bytes, count);
	size += count;
	return at;
}

static uint8_t *add_note(const struct note *note, unsigned word)
{
	uint8_t *at = segment + size;

	size += wire_write(at, ADDRESS + size, word, note);
	return at;
}

/* Somebody else's: a name of 4 bytes, @desc_size bytes of description, padded to @align. */
static void add_foreign(uint32_t desc_size, size_t align)
{
	const uint32_t header[4] = { 4, desc_size, 5, 0x00554e47 }; /* "GNU" */

	add_bytes(header, sizeof(header));
	memset(segment + size, 0xa5, desc_size);
	size = (size + desc_size + align - 1) / align * align;
}

/* Move what was built to the end of the room, so that the guard is right behind it. */
static void end(void)
{
	memmove(room + ROOM_SIZE - size, segment, size);
	segment = room + ROOM_SIZE - size;
}

static bool same(const struct note *a, const struct note *b)
{
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		if (a->at[kind].head != b->at[kind].head ||
			a->at[kind].start != b->at[kind].start ||
			a->at[kind].stop != b->at[kind].stop)
			return false;
	return a->abi == b->abi && a->align == b->align && a->binding == b->binding;
}

/* Read on from *@pos; what a reader must hold to in any case is looked at here. */
static enum note_result next(size_t length, unsigned word, size_t *pos, struct note *ret)
{
	size_t before = *pos;
	enum note_result result = note_next(segment, length, ADDRESS, word, pos, ret);

	if (result != NOTE_END && (*pos <= before || *pos > length))
		tap_bail_out("the position does not advance, or leaves the segment");
	return result;
}

/* Results of a whole segment: one letter each. */
static const char *results(size_t length, unsigned word)
{
	static char letters[ROOM_SIZE / 4 + 2];
	static const char letter[] = { [NOTE_FOUND] = 'f', [NOTE_DAMAGED] = 'd',
		[NOTE_VERSION] = 'v' };
	enum note_result result;
	struct note note;
	size_t pos = 0, n = 0;

	while ((result = next(length, word, &pos, &note)) != NOTE_END)
		letters[n++] = letter[result];
	if (next(length, word, &pos, &note) != NOTE_END)
		letters[n++] = '?'; /* the end was not the end */
	letters[n] = '\0';
	return letters;
}

static bool reads(const char *expected)
{
	const char *seen = results(size, 8);

	if (!strcmp(seen, expected))
		return true;
	tap_note("  seen \"%s\", expected \"%s\"", seen, expected);
	return false;
}

static void test_contents(void)
{
	struct note note;
	size_t pos = 0;

	begin();
	add_note(&sample, 8);
	end();
	test("a note alone is found", next(size, 8, &pos, &note) == NOTE_FOUND);
	test("its distances have become addresses", same(&note, &sample));
	test("behind it is the end", next(size, 8, &pos, &note) == NOTE_END);
	test("an empty segment has no note", !*results(0, 8));
}

static void test_places(void)
{
	begin();
	add_foreign(16, 4);
	add_note(&sample, 8);
	end();
	test("a note behind a foreign one is found", reads("f"));

	begin();
	add_foreign(20, 8); /* .note.gnu.property, padded to 8 */
	add_foreign(20, 4); /* the build-id, padded to 4 */
	add_note(&sample, 8);
	add_foreign(4, 4);
	end();
	test("a note behind notes of both paddings is found", reads("f"));

	begin();
	add_bytes("\0\0\0", 4);
	add_note(&sample, 8);
	end();
	test("a note at an odd multiple of 4 is found", reads("f"));

	begin();
	add_bytes("\4\0\0\0\xff\xff\xff\xff", 8); /* a foreign note that claims everything */
	add_note(&sample, 8);
	end();
	test("a foreign note's claimed size hides nothing", reads("f"));
}

static void test_several(void)
{
	struct note other = sample, note;
	size_t pos = 0;

	other.align = 65536;
	other.at[0].head += 4096;
	begin();
	add_note(&sample, 8);
	add_foreign(3, 4);
	add_note(&other, 8);
	add_note(&sample, 8);
	end();
	test("three notes in one segment are found in order",
		next(size, 8, &pos, &note) == NOTE_FOUND && same(&note, &sample) &&
			next(size, 8, &pos, &note) == NOTE_FOUND && same(&note, &other) &&
			next(size, 8, &pos, &note) == NOTE_FOUND && same(&note, &sample) &&
			next(size, 8, &pos, &note) == NOTE_END);
}

/* The address of the segment, and so of the words, may be anything. */
static void test_unaligned(void)
{
	uint8_t bytes[WIRE_SIZE_MAX + 8];
	struct note note;
	bool good = true;

	for (size_t shift = 0; shift < 8; shift++) {
		size_t pos = 0;

		wire_write(bytes + shift, ADDRESS + shift, 8, &sample);
		good = good &&
		       note_next(bytes + shift, WIRE_SIZE(8), ADDRESS + shift, 8, &pos,
			       &note) == NOTE_FOUND &&
		       same(&note, &sample);
	}
	test("bytes at any address and words at any alignment are read", good);
}

static void test_wrapping(void)
{
	const uint64_t high = UINT64_MAX - 15; /* the segment wraps around the address space */
	uint8_t bytes[WIRE_SIZE_MAX];
	struct note note;
	size_t pos = 0;

	wire_write(bytes, high, 8, &sample);
	test("addresses may wrap around",
		note_next(bytes, sizeof(bytes), high, 8, &pos, &note) == NOTE_FOUND &&
			same(&note, &sample));
}

static const struct note small = {
	.abi = FONDUE_ABI,
	.align = 4096,
	.at = { { 0x8051000, 0x8050000, 0x8052000 }, { 0xfffff000, 0xffffe000, 0xfffff000 } },
	.binding = 0x8047ff0,
};

static void test_ilp32(void)
{
	uint8_t bytes[WIRE_SIZE(4)];
	struct note note;
	size_t pos = 0;

	wire_write(bytes, 0x8048100, 4, &small);
	test("a note of a 32-bit object is found",
		note_next(bytes, sizeof(bytes), 0x8048100, 4, &pos, &note) == NOTE_FOUND);
	test("its addresses have 32 bits, distances forward and backward",
		same(&note, &small));
	pos = 0;
	test("it is damaged for a reader of 64-bit objects",
		note_next(bytes, sizeof(bytes), 0x8048100, 8, &pos, &note) == NOTE_DAMAGED);
	begin();
	add_note(&sample, 8);
	end();
	test("and the other way round", !strcmp(results(size, 4), "d"));
}

/* Cut at every byte: found only if whole, and nothing behind the end is read. */
static void test_truncated(unsigned word, const char *name)
{
	static uint8_t whole[ROOM_SIZE];
	bool good = true;
	size_t length;

	begin();
	add_foreign(20, 8);
	add_note(word == 4 ? &small : &sample, word);
	length = size;
	memcpy(whole, segment, length);
	for (size_t cut = 0; cut <= length; cut++) {
		size_t named = 40 + WIRE_DESC; /* from here on it is known to be ours */
		const char *expected = cut < named ? "" : cut < length ? "d" : "f";

		segment = room + ROOM_SIZE - cut;
		memcpy(segment, whole, cut);
		good = good && !strcmp(results(cut, word), expected);
	}
	test(name, good && length == 40 + WIRE_SIZE(word));
}

static const struct damage {
	const char *name;
	size_t at;
	uint32_t value;
	const char *expected;
} damages[] = {
	{ "version 0 is not known", WIRE_ABI, 0, "v" },
	{ "an older version is not known", WIRE_ABI, FONDUE_ABI - 1, "v" },
	{ "a newer version is not known", WIRE_ABI, FONDUE_ABI + 1, "v" },
	{ "version 2^32-1 is not known", WIRE_ABI, 0xffffffff, "v" },
	{ "a description of 0 bytes is damaged", WIRE_DESC_SIZE, 0, "d" },
	{ "a description of 7 bytes has no version", WIRE_DESC_SIZE, 7, "d" },
	{ "a description that ends behind the alignment is damaged", WIRE_DESC_SIZE, 8, "d" },
	{ "a description one word short is damaged", WIRE_DESC_SIZE, 8 + 6 * 8, "d" },
	{ "a description one byte short is damaged", WIRE_DESC_SIZE, 8 + 7 * 8 - 1, "d" },
	{ "a description one byte long is damaged", WIRE_DESC_SIZE, 8 + 7 * 8 + 1, "d" },
	{ "a description one word long is damaged", WIRE_DESC_SIZE, 8 + 8 * 8, "d" },
	{ "a description that leaves the segment is damaged", WIRE_DESC_SIZE, 4096, "d" },
	{ "a description of 2^31 bytes is damaged", WIRE_DESC_SIZE, 0x80000000, "d" },
	{ "a description of 2^32-1 bytes is damaged", WIRE_DESC_SIZE, 0xffffffff, "d" },
	{ "a description of 2^32-20 bytes is damaged", WIRE_DESC_SIZE, 0xffffffec, "d" },
	{ "a name of 6 bytes is not ours", WIRE_NAME_SIZE, 6, "" },
	{ "a name of 8 bytes is not ours", WIRE_NAME_SIZE, 8, "" },
	{ "a name of 0 bytes is not ours", WIRE_NAME_SIZE, 0, "" },
	{ "a name of 2^32-1 bytes is not ours", WIRE_NAME_SIZE, 0xffffffff, "" },
	{ "type 0 is not ours", WIRE_TYPE, 0, "" },
	{ "type 2 is not ours", WIRE_TYPE, 2, "" },
	{ "a type of the other byte order is not ours", WIRE_TYPE, 0x01000000, "" },
};

static void test_damage(const struct damage *damage)
{
	begin();
	wire_put32(add_note(&sample, 8) + damage->at, damage->value);
	add_foreign(80, 4); /* room for a description that is too long */
	add_note(&sample, 8);
	end();
	/* and the good note behind is found in any case */
	char expected[4];
	snprintf(expected, sizeof(expected), "%sf", damage->expected);
	test(damage->name, reads(expected));
}

static void test_names(void)
{
	static const char names[][9] = { "fondue\0\1", "fondu\0\0", "Fondue\0", "fondue2",
		"fonduE\0", " fondue", "\0fondue", "fondueX", "FONDUE\0", "eudnof\0" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char sentence[64];

		begin();
		memcpy(add_note(&sample, 8) + WIRE_NAME, names[i], 8);
		end();
		snprintf(sentence, sizeof(sentence), "a name that looks alike is not ours (%u)",
			i);
		test(sentence, reads(""));
	}
}

/* A note of a newer version may have any size, and tells its version. */
static void test_newer(void)
{
	struct note newer = sample, note;
	size_t pos = 0;

	newer.abi = 7;
	begin();
	wire_put32(add_note(&newer, 8) + WIRE_DESC_SIZE, 8);
	end();
	test("a newer version is told, whatever its size",
		next(size, 8, &pos, &note) == NOTE_VERSION && note.abi == 7);
}

/* Any sequence of parts reads as it was written. */
static void test_sequences(void)
{
	uint64_t random = 20240229;
	bool good = true;

	for (unsigned round = 0; round < 2000 && good; round++) {
		char expected[64];
		size_t n = 0;
		uint8_t *at;

		begin();
		for (unsigned parts = next_random(&random) % 20; parts; parts--) {
			switch (next_random(&random) % 5) {
			case 0:
				add_note(&sample, 8);
				expected[n++] = 'f';
				break;
			case 1:
				at = add_note(&sample, 8);
				wire_put32(at + WIRE_DESC_SIZE, next_random(&random) % 8);
				expected[n++] = 'd';
				break;
			case 2:
				at = add_note(&sample, 8);
				wire_put32(at + WIRE_ABI, FONDUE_ABI + 1 + next_random(&random) % 100);
				expected[n++] = 'v';
				break;
			case 3:
				add_foreign(next_random(&random) % 64, 4);
				break;
			default:
				add_bytes("\7\0\0\0\x40\0\0\0\1\0\0\0fond", 16);
			}
		}
		expected[n] = '\0';
		end();
		good = reads(expected);
	}
	test("any sequence of notes, good, bad and foreign, reads as it was written", good);
}

/* Bytes of which every fourth is the beginning of a name: reading ends, within bounds. */
static void test_noise(void)
{
	static const uint32_t words[] = { 7, 1, 64, 0x646e6f66, 0x00006575, 0, 0xffffffff, 8 };
	uint64_t random = 4711;
	unsigned steps = 0;

	for (unsigned round = 0; round < 20000; round++) {
		size_t length = next_random(&random) % 256;

		begin();
		while (size < length) {
			uint32_t word = words[next_random(&random) % 8];

			add_bytes(&word, 4);
		}
		end();
		steps += strlen(results(size, round % 2 ? 8 : 4));
	}
	test("noise out of the note's own words is read to its end", steps > 0);
}

/* The runtime's own note is none of an annotated file, and the other way round. */
static void test_runtime(void)
{
	enum { RUNTIME_AT = 64 };
	uint8_t *bytes = make_guarded(RUNTIME_AT + 20);
	uint32_t header[3] = { 7, 0, 2 };

	memset(bytes, 0, RUNTIME_AT + 20);
	memcpy(bytes + RUNTIME_AT, header, sizeof(header));
	memcpy(bytes + RUNTIME_AT + sizeof(header), "fondue\0", 8);
	test("the runtime's note is found", note_tells_runtime(bytes, RUNTIME_AT + 20));
	test("a byte less of it is not", !note_tells_runtime(bytes, RUNTIME_AT + 19));
	bytes[RUNTIME_AT + WIRE_TYPE] = 1;
	test("an annotated file's is another", !note_tells_runtime(bytes, RUNTIME_AT + 20));
}

int main(void)
{
	test_contents();
	test_places();
	test_several();
	test_unaligned();
	test_wrapping();
	test_ilp32();
	test_truncated(8, "a note cut at any byte is absent or damaged, never overread");
	test_truncated(4, "the same of a 32-bit object");
	for (unsigned i = 0; i < sizeof(damages) / sizeof(damages[0]); i++)
		test_damage(&damages[i]);
	test_names();
	test_newer();
	test_sequences();
	test_noise();
	test_runtime();
	return tap_done();
}
