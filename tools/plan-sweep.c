/* SPDX-License-Identifier: MIT */
/*
 * plan-sweep.c - all code is decoded, and it is known which bytes really are code
 *
 * A function whose bounds are told (by a symbol or in .eh_frame) is decoded from its start
 * to its end. When all of its bytes are instructions, and no branch leads into the middle
 * of one, it is as the compiler made it. Everything else (code without bounds, functions
 * with tables in them) is followed from where it is entered: what is reached is code.
 *
 * Then the opposite is asked, which does not depend on any of that: which four bytes of
 * the executable sections would, as a displacement, reach a shared variable? Each must lie
 * in an instruction that is known; else something may refer to the variable unseen. The
 * same is asked of constants, where offsets such as `.long variable - .` may lie.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "plan-decode.h"
#include "plan-sweep.h"

/* A stretch of code: a function, or what lies between two. */
struct piece {
	struct extent at;
	struct function *function; /* or NULL */
	bool is_certain;
};

struct sweeping {
	struct places *places;
	const struct bytes *bytes;
	struct piece *pieces; /* by address */
	size_t piece_count;
	uint64_t *entries; /* where code is entered that is not certain; a stack */
	size_t entry_count;
};

static void add_piece(struct sweeping *sweeping, struct extent at, struct function *function)
{
	if (at.start >= at.end)
		return;
	sweeping->pieces = memory_grow(
		sweeping->pieces, sweeping->piece_count, sizeof(*sweeping->pieces));
	sweeping->pieces[sweeping->piece_count++] = (struct piece){ .at = at,
		.function = function,
		.is_certain = function && function->is_sized };
}

/* Functions are disjoint, by address, and each lies in one section. */
static void cut_section(struct sweeping *sweeping, struct extent section)
{
	struct symbols *symbols = sweeping->places->symbols;
	uint64_t end = section.start;

	for (size_t i = 0; i < symbols->function_count; i++) {
		struct function *function = &symbols->functions[i];

		if (!extent_holds(section, function->at.start))
			continue;
		add_piece(sweeping, (struct extent){ end, function->at.start }, NULL);
		add_piece(sweeping, function->at, function);
		end = function->at.end;
	}
	add_piece(sweeping, (struct extent){ end, section.end }, NULL);
}

static int by_piece(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return (x->at.start > y->at.start) - (x->at.start < y->at.start);
}

static struct piece *piece_at(const struct sweeping *sweeping, uint64_t at)
{
	size_t low = 0, high = sweeping->piece_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sweeping->pieces[middle].at.end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sweeping->piece_count && extent_holds(sweeping->pieces[low].at, at) ?
		       &sweeping->pieces[low] :
		       NULL;
}

static uint8_t *start_at(const struct sweeping *sweeping, uint64_t at)
{
	return &sweeping->places->starts[at - sweeping->bytes->code.start];
}

/* From its start to its end; one byte that is no instruction, and it is not certain. */
static void decode_piece(struct sweeping *sweeping, struct piece *piece)
{
	struct insn insn;

	for (uint64_t at = piece->at.start; at < piece->at.end; at = insn.next) {
		if (!decode(sweeping->bytes, at, piece->at.end, &insn)) {
			piece->is_certain = false;
			break;
		}
		*start_at(sweeping, at) = insn.in.length;
	}
	if (!piece->is_certain)
		memset(start_at(sweeping, piece->at.start), 0, piece->at.end - piece->at.start);
}

static void forget(struct sweeping *sweeping, struct piece *piece)
{
	piece->is_certain = false;
	memset(start_at(sweeping, piece->at.start), 0, piece->at.end - piece->at.start);
}

static void enter(struct sweeping *sweeping, uint64_t at)
{
	struct piece *piece = piece_at(sweeping, at);

	if (!piece || piece->is_certain)
		return;
	sweeping->entries = memory_grow(
		sweeping->entries, sweeping->entry_count, sizeof(*sweeping->entries));
	sweeping->entries[sweeping->entry_count++] = at;
}

/* A branch into the middle of an instruction: neither of the two places can be believed. */
static bool check_targets(struct sweeping *sweeping, struct piece *piece)
{
	bool good = true;
	struct insn insn;
	uint64_t target;

	for (uint64_t at = piece->at.start; at < piece->at.end; at = insn.next) {
		struct piece *other;

		if (!decode(sweeping->bytes, at, piece->at.end, &insn))
			break;
		if (!insn_target(&insn, &target))
			continue;
		other = piece_at(sweeping, target);
		if (!other || !other->is_certain || *start_at(sweeping, target))
			continue;
		forget(sweeping, other);
		good &= other == piece;
	}
	return good;
}

/* Each round makes pieces uncertain, so it ends. */
static void check_pieces(struct sweeping *sweeping)
{
	bool again = true;

	for (unsigned round = 0; again && round < 100; round++) {
		again = false;
		for (size_t i = 0; i < sweeping->piece_count; i++)
			if (sweeping->pieces[i].is_certain)
				again |= !check_targets(sweeping, &sweeping->pieces[i]);
	}
}

/* Straight on from an entry until there is no way on; branches are entries, too. */
static void follow(struct sweeping *sweeping, uint64_t at)
{
	struct piece *piece = piece_at(sweeping, at);
	struct insn insn;
	uint64_t target;

	while (piece && !piece->is_certain && !*start_at(sweeping, at)) {
		enum ending ending;

		if (!decode(sweeping->bytes, at, piece->at.end, &insn))
			return;
		*start_at(sweeping, at) = insn.in.length;
		ending = insn_ending(&insn);
		if (insn_target(&insn, &target))
			enter(sweeping, target);
		if (ending == ENDING_JUMP || ending == ENDING_RETURN || ending == ENDING_TRAP)
			return;
		at = insn.next;
		piece = piece_at(sweeping, at);
	}
}

static void enter_from(struct sweeping *sweeping, const struct piece *piece)
{
	struct insn insn;
	uint64_t target;

	if (!piece->is_certain) {
		if (piece->function)
			enter(sweeping, piece->at.start);
		return;
	}
	for (uint64_t at = piece->at.start; at < piece->at.end; at = insn.next) {
		if (!decode(sweeping->bytes, at, piece->at.end, &insn))
			return;
		if (insn_target(&insn, &target))
			enter(sweeping, target);
	}
}

static void follow_all(struct sweeping *sweeping)
{
	const struct object *object = sweeping->bytes->object;
	const struct places *places = sweeping->places;

	for (size_t i = 0; i < sweeping->piece_count; i++)
		enter_from(sweeping, &sweeping->pieces[i]);
	for (size_t i = 0; i < places->pointer_count; i++)
		enter(sweeping, places->pointers[i].value);
	enter(sweeping, object->header.e_entry);
	enter(sweeping, object_dynamic_value(object, DT_INIT));
	enter(sweeping, object_dynamic_value(object, DT_FINI));
	while (sweeping->entry_count)
		follow(sweeping, sweeping->entries[--sweeping->entry_count]);
}

static void add_branch(struct places *places, const struct insn *insn)
{
	struct branch branch = { .from = insn->at,
		.is_call = insn_ending(insn) == ENDING_CALL };

	if (!insn_target(insn, &branch.to))
		return;
	places->branches = memory_grow(places->branches, places->branch_count, sizeof(branch));
	places->branches[places->branch_count++] = branch;
}

static void add_reference(
	struct places *places, const struct insn *insn, struct extent touched)
{
	struct datum *datum = symbols_datum(places->symbols, touched.start);

	if (!datum || !datum->is_chosen || touched.end > datum->at.end) {
		places_refuse(places,
			(struct refusal_of_plan){ .at = insn->at,
				.is_code = true,
				.address = touched.start,
				.cause = "it touches bytes of more than one variable",
				.cure = "share the neighbour, too, or annotate" });
		return;
	}
	places->references = memory_grow(
		places->references, places->reference_count, sizeof(*places->references));
	places->references[places->reference_count++] = (struct reference){ .at = insn->at,
		.field = insn->at + insn->in.raw.disp.offset,
		.displacement = (int32_t)insn->in.raw.disp.value,
		.address = touched.start,
		.owner = datum };
}

static void add_store(struct places *places, uint64_t address)
{
	places->stores = memory_grow(
		places->stores, places->store_count, sizeof(*places->stores));
	places->stores[places->store_count++] = address;
}

/*
 * An address in writable memory, or as far outside of it as a compiler may displace one.
 * A constant is one of its own, except where something shared is as close as that.
 */
static bool may_be_root(const struct places *places, uint64_t address)
{
	const struct section_extent *section = bytes_section(places->bytes, address);

	if (address + ROOT_REACH < places->bytes->data.start ||
		address > places->bytes->data.end + ROOT_REACH)
		return false;
	if (!section || section->is_writable)
		return true;
	return places_are_shared(
		places, (struct extent){ address, address + ROOT_REACH });
}

static void collect_relative(
	struct places *places, const struct insn *insn, const ZydisDecodedOperand *op)
{
	struct extent touched = { .start = insn_place(insn, op) };
	struct datum *datum;

	touched.end = touched.start + insn_width(insn, op);
	if (op->mem.base == ZYDIS_REGISTER_EIP || insn->in.raw.disp.size != 32) {
		places_refuse(places,
			(struct refusal_of_plan){ .at = insn->at,
				.is_code = true,
				.cause = "an address of 32 bits cannot be re-pointed",
				.cure = "annotate the variables instead" });
		return;
	}
	if (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
		add_store(places, touched.start);
	if (!insn_only_names(insn)) {
		if (places_are_shared(places, touched))
			add_reference(places, insn, touched);
		return;
	}
	if (insn->in.mnemonic != ZYDIS_MNEMONIC_LEA || !may_be_root(places, touched.start))
		return; /* else a prefetch, which changes nothing */
	datum = symbols_datum(places->symbols, touched.start);
	if (datum)
		datum->taken++;
	places_add_root(places, (struct root){ .at = insn->at,
					.address = touched.start,
					.field = insn->at + insn->in.raw.disp.offset,
					.displacement = (int32_t)insn->in.raw.disp.value });
}

/* What is called at a place that is not known may destroy what the convention allows. */
static unsigned writes(const struct places *places, const struct insn *insn)
{
	enum ending ending = insn_ending(insn);
	uint64_t target;

	if ((ending == ENDING_CALL || ending == ENDING_JUMP) &&
		(!insn_target(insn, &target) || !symbols_function(places->symbols, target)))
		return CALLER_SAVED;
	return insn_writes(insn);
}

/* And what a called function destroys, the caller does. */
static void spread_writes(struct places *places)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < places->branch_count; i++) {
			struct function *from = symbols_function(
				places->symbols, places->branches[i].from);
			struct function *to =
				symbols_function(places->symbols, places->branches[i].to);

			if (!from || !to || !(to->writes & ~from->writes))
				continue;
			from->writes |= to->writes;
			again = true;
		}
	}
}

/* Over all that is known to be an instruction, in the order of addresses. */
static void collect(struct sweeping *sweeping)
{
	struct places *places = sweeping->places;
	struct insn insn;

	for (uint64_t at = sweeping->bytes->code.start; at < sweeping->bytes->code.end;) {
		unsigned len = places_length(places, at);
		struct function *function;
		const ZydisDecodedOperand *op;

		if (!len || !decode(sweeping->bytes, at, at + len, &insn)) {
			at++;
			continue;
		}
		function = symbols_function(places->symbols, at);
		if (function)
			function->writes |= writes(places, &insn);
		add_branch(places, &insn);
		op = insn_relative(&insn);
		if (op)
			collect_relative(places, &insn, op);
		at = insn.next;
	}
}

/* What a displacement at @at reaches, if as many bytes of an immediate come behind it. */
static bool reaches_shared(const struct places *places, uint64_t at, int32_t value)
{
	static const uint64_t immediates[] = { 0, 1, 2, 4 };
	uint64_t end = at + 4 + (uint64_t)(int64_t)value;

	if (end + 4 < places->bytes->data.start || end >= places->bytes->data.end)
		return false;
	for (unsigned i = 0; i < 4; i++)
		if (places_are_shared(places,
			    (struct extent){ end + immediates[i], end + immediates[i] + 1 }))
			return true;
	return false;
}

/* `.long variable - .` */
static bool is_offset_of_shared(const struct places *places, uint64_t at, int32_t value)
{
	uint64_t target = at + (uint64_t)(int64_t)value;
	const struct datum *datum = NULL;

	if (extent_holds(places->bytes->data, target))
		datum = symbols_datum(places->symbols, target);
	return datum && datum->is_chosen && datum->at.start == target;
}

/* The instruction around @at, or 0. */
static uint64_t holder(const struct places *places, uint64_t at)
{
	for (unsigned back = 0; back < 15 && back <= at; back++) {
		unsigned len = places_length(places, at - back);

		if (len)
			return len > back ? at - back : 0;
	}
	return 0;
}

static bool is_idle(const struct insn *insn)
{
	int a = insn_register(insn, 0), b = insn_register(insn, 1);

	return insn->in.mnemonic == ZYDIS_MNEMONIC_NOP ||
	       insn->in.mnemonic == ZYDIS_MNEMONIC_INT3 ||
	       (insn->in.mnemonic == ZYDIS_MNEMONIC_XCHG && a >= 0 && a == b);
}

/* Between the last instruction before it and itself only what fills gaps. */
static bool is_padding(const struct sweeping *sweeping, const struct piece *piece, uint64_t at)
{
	struct insn insn = { .next = at };

	while (insn.next > piece->at.start && !holder(sweeping->places, insn.next))
		insn.next--;
	if (holder(sweeping->places, insn.next))
		insn.next = holder(sweeping->places, insn.next) +
			    places_length(sweeping->places, holder(sweeping->places, insn.next));
	while (insn.next <= at)
		if (!decode(sweeping->bytes, insn.next, piece->at.end, &insn) || !is_idle(&insn))
			return false;
	return true;
}

/*
 * Where instructions are known, four bytes that begin in one can only be its own. Of a
 * function that is not in .eh_frame it is not certain that no table stands among them.
 */
static bool is_known(const struct sweeping *sweeping, uint64_t at, int32_t value)
{
	const struct piece *piece = piece_at(sweeping, at);
	uint64_t start = holder(sweeping->places, at);
	struct insn insn;

	if (!piece)
		return false;
	if (!start)
		return is_padding(sweeping, piece, at);
	if (!piece->is_certain || piece->function->has_frame ||
		!is_offset_of_shared(sweeping->places, at, value))
		return true;
	return decode(sweeping->bytes, start, start + 15, &insn) && insn_relative(&insn) &&
	       start + insn.in.raw.disp.offset == at;
}

static void cross_check_code(struct sweeping *sweeping, const struct section_extent *section)
{
	struct places *places = sweeping->places;
	int32_t value;

	for (uint64_t at = section->at.start; at + 4 <= section->at.end; at++) {
		if (!bytes_get32(sweeping->bytes, at, &value))
			return;
		if ((reaches_shared(places, at, value) ||
			    is_offset_of_shared(places, at, value)) &&
			!is_known(sweeping, at, value))
			places_refuse(places,
				(struct refusal_of_plan){ .at = at,
					.is_code = true,
					.address = at + 4 + (uint64_t)(int64_t)value,
					.cause = "bytes that are not known to be code, or not "
						 "to be data, may refer to it",
					.cure = "annotate the variable instead" });
	}
}

static void cross_check_constants(
	struct sweeping *sweeping, const struct section_extent *section)
{
	struct places *places = sweeping->places;
	int32_t value;

	for (uint64_t at = (section->at.start + 3) & ~(uint64_t)3; at + 4 <= section->at.end;
		at += 4)
		if (bytes_get32(sweeping->bytes, at, &value) &&
			is_offset_of_shared(places, at, value))
			places_refuse(places,
				(struct refusal_of_plan){ .at = at,
					.address = at + (uint64_t)(int64_t)value,
					.cause = "a constant may be an offset to it",
					.cure = "annotate the variable instead" });
}

static bool holds_constants(const struct section_extent *section)
{
	return section->type == SHT_PROGBITS && !section->is_code && !section->is_writable &&
	       strncmp(section->name, ".eh_frame", 9) != 0;
}

void sweep(struct places *places)
{
	struct sweeping sweeping = { .places = places, .bytes = places->bytes };
	const struct bytes *bytes = places->bytes;

	places->starts = memory_get(bytes->code.end - bytes->code.start);
	for (size_t i = 0; i < bytes->section_count; i++)
		if (bytes->sections[i].is_code)
			cut_section(&sweeping, bytes->sections[i].at);
	if (sweeping.piece_count)
		qsort(sweeping.pieces, sweeping.piece_count, sizeof(*sweeping.pieces), by_piece);
	for (size_t i = 0; i < sweeping.piece_count; i++)
		if (sweeping.pieces[i].is_certain)
			decode_piece(&sweeping, &sweeping.pieces[i]);
	check_pieces(&sweeping);
	follow_all(&sweeping);
	collect(&sweeping);
	spread_writes(places);
	places->code_root_count = places->root_count;
	for (size_t i = 0; i < bytes->section_count; i++) {
		if (bytes->sections[i].is_code)
			cross_check_code(&sweeping, &bytes->sections[i]);
		else if (holds_constants(&bytes->sections[i]))
			cross_check_constants(&sweeping, &bytes->sections[i]);
	}
}
