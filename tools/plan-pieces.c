/* SPDX-License-Identifier: MIT */
/*
 * plan-pieces.c - it must be known which bytes really are code
 *
 * A function whose bounds are told (by a symbol or in .eh_frame) is decoded from its start
 * to its end. When all of its bytes are instructions, and no branch leads into the middle
 * of one, it is as the compiler made it. Everything else (code without bounds, functions
 * with tables in them) is followed from where it is entered: what is reached is code.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "plan-pieces.h"

static void add_piece(struct pieces *pieces, struct extent at, struct function *function)
{
	if (at.start >= at.end)
		return;
	pieces->list = memory_grow(pieces->list, pieces->count, sizeof(*pieces->list));
	pieces->list[pieces->count++] = (struct piece){
		.at = at, .function = function, .is_certain = function && function->is_sized
	};
}

/* Functions are disjoint, by address, and each lies in one section. */
static void cut_section(struct pieces *pieces, struct extent section)
{
	struct symbols *symbols = pieces->places->symbols;
	uint64_t end = section.start;

	for (size_t i = 0; i < symbols->function_count; i++) {
		struct function *function = &symbols->functions[i];

		if (!extent_holds(section, function->at.start))
			continue;
		add_piece(pieces, (struct extent){ end, function->at.start }, NULL);
		add_piece(pieces, function->at, function);
		end = function->at.end;
	}
	add_piece(pieces, (struct extent){ end, section.end }, NULL);
}

static int by_piece(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return (x->at.start > y->at.start) - (x->at.start < y->at.start);
}

struct piece *piece_at(const struct pieces *pieces, uint64_t at)
{
	size_t low = 0, high = pieces->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pieces->list[middle].at.end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < pieces->count && extent_holds(pieces->list[low].at, at) ?
		       &pieces->list[low] :
		       NULL;
}

static uint8_t *start_at(const struct pieces *pieces, uint64_t at)
{
	return &pieces->places->starts[at - pieces->places->bytes->code.start];
}

/* From its start to its end; one byte that is no instruction, and it is not certain. */
static void decode_piece(struct pieces *pieces, struct piece *piece)
{
	struct insn insn;

	for (uint64_t at = piece->at.start; at < piece->at.end; at = insn.next) {
		if (!decode(pieces->places->bytes, at, piece->at.end, &insn)) {
			piece->is_certain = false;
			break;
		}
		*start_at(pieces, at) = insn.in.length;
	}
	if (!piece->is_certain)
		memset(start_at(pieces, piece->at.start), 0, piece->at.end - piece->at.start);
}

static void forget(struct pieces *pieces, struct piece *piece)
{
	piece->is_certain = false;
	memset(start_at(pieces, piece->at.start), 0, piece->at.end - piece->at.start);
}

static void enter(struct pieces *pieces, uint64_t at)
{
	struct piece *piece = piece_at(pieces, at);

	if (!piece || piece->is_certain)
		return;
	pieces->entries =
		memory_grow(pieces->entries, pieces->entry_count, sizeof(*pieces->entries));
	pieces->entries[pieces->entry_count++] = at;
}

/* A branch into the middle of an instruction: neither of the two places can be believed. */
static bool check_targets(struct pieces *pieces, struct piece *piece)
{
	bool good = true;
	struct insn insn;
	uint64_t target;

	for (uint64_t at = piece->at.start; at < piece->at.end; at = insn.next) {
		struct piece *other;

		if (!decode(pieces->places->bytes, at, piece->at.end, &insn))
			break;
		if (!insn_target(&insn, &target))
			continue;
		other = piece_at(pieces, target);
		if (!other || !other->is_certain || *start_at(pieces, target))
			continue;
		forget(pieces, other);
		good &= other == piece;
	}
	return good;
}

/* Each round makes pieces uncertain, so it ends. */
static void check_pieces(struct pieces *pieces)
{
	bool again = true;

	for (unsigned round = 0; again && round < 100; round++) {
		again = false;
		for (size_t i = 0; i < pieces->count; i++)
			if (pieces->list[i].is_certain)
				again |= !check_targets(pieces, &pieces->list[i]);
	}
}

/* Straight on from an entry until there is no way on; branches are entries, too. */
static void follow(struct pieces *pieces, uint64_t at)
{
	struct piece *piece = piece_at(pieces, at);
	struct insn insn;
	uint64_t target;

	while (piece && !piece->is_certain && !*start_at(pieces, at)) {
		enum ending ending;

		if (!decode(pieces->places->bytes, at, piece->at.end, &insn))
			return;
		*start_at(pieces, at) = insn.in.length;
		ending = insn_ending(&insn);
		if (insn_target(&insn, &target))
			enter(pieces, target);
		if (ending == ENDING_JUMP || ending == ENDING_RETURN || ending == ENDING_TRAP)
			return;
		at = insn.next;
		piece = piece_at(pieces, at);
	}
}

static void enter_from(struct pieces *pieces, const struct piece *piece)
{
	struct insn insn;
	uint64_t target;

	if (!piece->is_certain) {
		if (piece->function)
			enter(pieces, piece->at.start);
		return;
	}
	for (uint64_t at = piece->at.start; at < piece->at.end; at = insn.next) {
		if (!decode(pieces->places->bytes, at, piece->at.end, &insn))
			return;
		if (insn_target(&insn, &target))
			enter(pieces, target);
	}
}

static void follow_all(struct pieces *pieces)
{
	const struct object *object = pieces->places->bytes->object;
	const struct places *places = pieces->places;

	for (size_t i = 0; i < pieces->count; i++)
		enter_from(pieces, &pieces->list[i]);
	for (size_t i = 0; i < places->pointer_count; i++)
		enter(pieces, places->pointers[i].value);
	enter(pieces, object->header.e_entry);
	enter(pieces, object_dynamic_value(object, DT_INIT));
	enter(pieces, object_dynamic_value(object, DT_FINI));
	while (pieces->entry_count)
		follow(pieces, pieces->entries[--pieces->entry_count]);
}

void pieces_decode(struct pieces *pieces, struct places *places)
{
	const struct bytes *bytes = places->bytes;

	*pieces = (struct pieces){ .places = places };
	places->starts = memory_get(bytes->code.end - bytes->code.start);
	for (size_t i = 0; i < bytes->section_count; i++)
		if (bytes->sections[i].is_code)
			cut_section(pieces, bytes->sections[i].at);
	if (pieces->count)
		qsort(pieces->list, pieces->count, sizeof(*pieces->list), by_piece);
	for (size_t i = 0; i < pieces->count; i++)
		if (pieces->list[i].is_certain)
			decode_piece(pieces, &pieces->list[i]);
	check_pieces(pieces);
	follow_all(pieces);
}
