/* SPDX-License-Identifier: MIT */
/*
 * wire.h - the note as bytes, written for once and not read
 *
 * The twin of preload/note.c, kept apart from it on purpose: both follow the layout told in
 * <fondue/shared.h>, and a mistake in one is found by the other. That the header's own
 * assembly follows it too is for test-modules.c to show.
 */
#pragma once

#include <string.h>

#include "note.h"

/* Where things are in a note. */
enum {
	WIRE_NAME_SIZE = 0,
	WIRE_DESC_SIZE = 4,
	WIRE_TYPE = 8,
	WIRE_NAME = 12,
	WIRE_DESC = 20,
	WIRE_ABI = 20,
	WIRE_ALIGN = 24,
	WIRE_WORDS = 28,
};

#define WIRE_SIZE(word) (WIRE_WORDS + 7 * (word))
#define WIRE_SIZE_MAX	WIRE_SIZE(8)

static inline void wire_put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* The distance from the word at @at, whose address is @address, to @target. */
static inline void wire_put_target(
	uint8_t *at, uint64_t address, unsigned word, uint64_t target)
{
	uint64_t distance = target - address;

	if (word == 4)
		wire_put32(at, distance);
	else
		memcpy(at, &distance, sizeof(distance));
}

/*
 * wire_write() - write @note to @to, which is loaded at @address
 *
 * Return: its size, WIRE_SIZE(@word).
 */
static inline size_t wire_write(
	uint8_t *to, uint64_t address, unsigned word, const struct note *note)
{
	const uint64_t targets[7] = { note->at[0].head, note->at[0].start, note->at[0].stop,
		note->at[1].head, note->at[1].start, note->at[1].stop, note->binding };

	wire_put32(to + WIRE_NAME_SIZE, 7);
	wire_put32(to + WIRE_DESC_SIZE, 8 + 7 * word);
	wire_put32(to + WIRE_TYPE, 1);
	memcpy(to + WIRE_NAME, "fondue\0", 8);
	wire_put32(to + WIRE_ABI, note->abi);
	wire_put32(to + WIRE_ALIGN, note->align);
	for (unsigned i = 0; i < 7; i++)
		wire_put_target(to + WIRE_WORDS + i * word, address + WIRE_WORDS + i * word,
			word, targets[i]);
	return WIRE_SIZE(word);
}
