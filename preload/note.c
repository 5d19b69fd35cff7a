/* SPDX-License-Identifier: MIT */
/*
 * note.c - reading the note; its layout is told in <fondue/shared.h>
 *
 * Everything here may be hostile: a file damaged on disk, a foreign note of the same name.
 * So all reads are bounded and unaligned, and all arithmetic is unsigned and may wrap;
 * whether an address makes sense is for `proof` to say.
 */
#include <string.h>

#include <fondue/shared.h>

#include "note.h"
#include "text.h"

const char *const kind_name[KIND_COUNT] = { "shared", "shared_zero" };

/* namesz, descsz, type; then the name, padded to 4 */
#define HEADER_SIZE  12
#define NAME	     "fondue"
#define NAME_SIZE    8
#define NOTE_TYPE    1
#define RUNTIME_TYPE 2 /* in entry.c */
#define LOCKS_TYPE   3 /* in <fondue/spinlock.h> */
#define HEAP_TYPE    4 /* in <fondue/heap.h> */
#define WORDS	    (3 * KIND_COUNT + 1)

static uint32_t read32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* A word that holds the distance from itself to something: where is that? */
static uint64_t read_target(const uint8_t *at, uint64_t address, unsigned word)
{
	uint64_t distance;

	if (word == 4)
		return (uint32_t)(address + read32(at));
	memcpy(&distance, at, sizeof(distance));
	return address + distance;
}

static bool is_ours(const uint8_t *at, uint32_t type)
{
	return read32(at) == sizeof(NAME) && read32(at + 8) == type &&
	       text_equals((const char *)at + HEADER_SIZE, NAME) &&
	       !at[HEADER_SIZE + NAME_SIZE - 1];
}

static void read_words(const uint8_t *at, uint64_t address, unsigned word, struct note *ret)
{
	uint64_t target[WORDS];

	for (unsigned i = 0; i < WORDS; i++)
		target[i] = read_target(at + i * word, address + i * word, word);
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		ret->at[kind].head = target[3 * kind];
		ret->at[kind].start = target[3 * kind + 1];
		ret->at[kind].stop = target[3 * kind + 2];
	}
	ret->binding = target[WORDS - 1];
}

enum note_result note_next(const void *bytes, size_t size, uint64_t address, unsigned word,
	size_t *pos, struct note *ret)
{
	for (; *pos + HEADER_SIZE + NAME_SIZE <= size; *pos += 4) {
		const uint8_t *at = (const uint8_t *)bytes + *pos;
		uint64_t desc = *pos + HEADER_SIZE + NAME_SIZE;
		uint32_t desc_size;

		if (!is_ours(at, NOTE_TYPE))
			continue;
		desc_size = read32(at + 4);
		*pos = desc; /* go on behind the name, whatever the size says */
		*ret = (struct note){ 0 };
		if (desc_size < 8 || desc_size > size - desc)
			return NOTE_DAMAGED;
		at = (const uint8_t *)bytes + desc;
		ret->abi = read32(at);
		ret->align = read32(at + 4);
		if (ret->abi != FONDUE_ABI)
			return NOTE_VERSION;
		if (desc_size != 8 + WORDS * word)
			return NOTE_DAMAGED;
		read_words(at + 8, address + desc + 8, word, ret);
		return NOTE_FOUND;
	}
	return NOTE_END;
}

static bool has_note(const void *bytes, size_t size, uint32_t type)
{
	for (size_t pos = 0; pos + HEADER_SIZE + NAME_SIZE <= size; pos += 4)
		if (is_ours((const uint8_t *)bytes + pos, type))
			return true;
	return false;
}

bool note_tells_runtime(const void *bytes, size_t size)
{
	return has_note(bytes, size, RUNTIME_TYPE);
}

bool note_tells_locks(const void *bytes, size_t size)
{
	return has_note(bytes, size, LOCKS_TYPE);
}

bool note_tells_heap(const void *bytes, size_t size)
{
	return has_note(bytes, size, HEAP_TYPE);
}
