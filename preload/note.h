/* SPDX-License-Identifier: MIT */
/*
 * note.h - the ELF note "fondue", as <fondue/shared.h> writes it
 *
 * Pure functions on bytes: the runtime reads the notes of a running process with them,
 * `fondue check` those of a file, the fuzzer whatever it likes.
 */
#pragma once

#include "base.h"

/* Section kinds, in the order in which the note lists them. */
enum kind { KIND_SHARED, KIND_ZERO, KIND_COUNT };
extern const char *const kind_name[KIND_COUNT]; /* "shared", "shared_zero" */

/* One note, its distances turned into addresses of the address space it was read from. */
struct note {
	uint32_t abi;
	uint32_t align; /* FONDUE_ALIGN of the translation unit */
	struct {
		uint64_t head; /* this translation unit's piece */
		uint64_t start;
		uint64_t stop;
	} at[KIND_COUNT];
	uint64_t binding; /* of the object's struct fondue_binding */
};

enum note_result {
	NOTE_END,     /* no further note */
	NOTE_FOUND,
	NOTE_DAMAGED, /* a note, but cut off or of a wrong size */
	NOTE_VERSION, /* a note of an ABI version that we do not know: ret->abi */
};

/*
 * note_next() - find the next note in the bytes of a PT_NOTE segment
 * @bytes, @size: the segment; need not be aligned, nothing outside is read
 * @address: of its first byte where the object is (or will be) loaded
 * @word: bytes in a word of the object's target, 4 or 8; its byte order is ours
 * @pos: 0 at first; where to go on afterwards, also after a bad note
 *
 * Every multiple of 4 is tried, whatever the notes in between claim about their size:
 * mold puts 4-aligned notes behind 8-aligned ones in one segment, and a reader that
 * follows the sizes finds none of ours there.
 */
enum note_result note_next(const void *bytes, size_t size, uint64_t address, unsigned word,
	size_t *pos, struct note *ret);

/*
 * note_tells_runtime() - is there a note of type 2, as the runtime's own object has?
 *
 * It ends up in libfondue.so and in every program that libfondue.a is linked into, and says
 * so of a stripped one, too.
 */
bool note_tells_runtime(const void *bytes, size_t size);

/* Is there one of type 3, as every object has that was compiled with <fondue/spinlock.h>? */
bool note_tells_locks(const void *bytes, size_t size);

/* Is there one of type 4, as every object has that was compiled with <fondue/heap.h>? */
bool note_tells_heap(const void *bytes, size_t size);
