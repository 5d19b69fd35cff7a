/* SPDX-License-Identifier: MIT */
/*
 * plan-sweep.c - every instruction that names a place in memory; and whether there are more
 *
 * All that is known to be code is gone through once. Then the opposite is asked, which
 * does not depend on what is known: which four bytes of the executable sections would, as
 * a displacement, reach a shared variable? Each must lie in an instruction that was seen;
 * else something may refer to the variable unseen. The same is asked of constants, where
 * offsets such as `.long variable - .` may lie.
 */
#include <string.h>

#include "memory.h"
#include "plan-absolute.h"
#include "plan-pieces.h"
#include "plan-sweep.h"

static void add_branch(struct places *places, const struct insn *insn)
{
	struct branch branch = { .from = insn->at,
		.is_call = insn_ending(insn) == ENDING_CALL };

	if (!insn_target(insn, &branch.to))
		return;
	places->branches = memory_grow(places->branches, places->branch_count, sizeof(branch));
	places->branches[places->branch_count++] = branch;
}

static void add_reference(struct places *places, const struct insn *insn, struct extent touched)
{
	struct datum *datum = symbols_datum(places->symbols, touched.start);

	if (!datum || !datum->is_chosen || touched.end > datum->at.end) {
		places_refuse(
			places, (struct refusal_of_plan){ .at = insn->at,
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
	places->stores =
		memory_grow(places->stores, places->store_count, sizeof(*places->stores));
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
	return places_are_shared(places, (struct extent){ address, address + ROOT_REACH });
}

static void collect_relative(
	struct places *places, const struct insn *insn, const ZydisDecodedOperand *op)
{
	struct extent touched = { .start = insn_place(insn, op) };
	struct datum *datum;

	touched.end = touched.start + insn_width(insn, op);
	if (op->mem.base == ZYDIS_REGISTER_EIP || insn->in.raw.disp.size != 32) {
		places_refuse(
			places, (struct refusal_of_plan){ .at = insn->at,
					.is_code = true,
					.cause = "an address of 32 bits cannot be re-pointed",
					.cure = "annotate the variables instead" });
		return;
	}
	if (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
		add_store(places, touched.start);
	if (!insn_only_names(insn)) {
		places_note_touched(places, touched);
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
			struct function *from =
				symbols_function(places->symbols, places->branches[i].from);
			struct function *to =
				symbols_function(places->symbols, places->branches[i].to);

			if (!from || !to || !(to->writes & ~from->writes))
				continue;
			from->writes |= to->writes;
			again = true;
		}
	}
}

static bool is_base(const struct section_extent *section)
{
	return !strcmp(section->name, ".got") || !strcmp(section->name, ".got.plt");
}

/*
 * In the code models for much data (-mcmodel=medium, large) an address is that of the GOT plus
 * a number of 64 bits, and nothing in the instruction tells what is added to what.
 */
static void check_number(struct places *places, const struct insn *insn)
{
	const struct bytes *bytes = places->bytes;
	const ZydisDecodedOperand *op = &insn->op[1];
	uint64_t address;

	if (insn->in.mnemonic != ZYDIS_MNEMONIC_MOV || op->type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
		insn->in.raw.imm[0].size != 64)
		return;
	for (size_t i = 0; i < bytes->section_count; i++) {
		address = bytes->sections[i].at.start + op->imm.value.u;
		if (is_base(&bytes->sections[i]) && places_are_near_shared(places, address))
			places_refuse(places,
				(struct refusal_of_plan){ .at = insn->at,
					.is_code = true,
					.address = address,
					.cause = "it may be an offset from the GOT to it (code for "
						 "much data, -mcmodel)",
					.cure = "annotate the variable instead" });
	}
}

/* Over all that is known to be an instruction, in the order of addresses. */
static void collect(struct places *places)
{
	struct insn insn;

	for (uint64_t at = places->bytes->code.start; at < places->bytes->code.end;) {
		unsigned len = places_length(places, at);
		struct function *function;
		const ZydisDecodedOperand *op;

		if (!len || !decode(places->bytes, at, at + len, &insn)) {
			at++;
			continue;
		}
		function = symbols_function(places->symbols, at);
		if (function) {
			function->writes |= writes(places, &insn);
			function->names_stack |= insn_names_stack(&insn);
		}
		add_branch(places, &insn);
		check_number(places, &insn);
		op = insn_relative(&insn);
		if (op)
			collect_relative(places, &insn, op);
		if (places->bytes->is_absolute)
			absolute_collect(places, &insn);
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
static bool is_padding(const struct pieces *pieces, const struct piece *piece, uint64_t at)
{
	struct insn insn = { .next = at };

	while (insn.next > piece->at.start && !holder(pieces->places, insn.next))
		insn.next--;
	if (holder(pieces->places, insn.next))
		insn.next = holder(pieces->places, insn.next) +
			    places_length(pieces->places, holder(pieces->places, insn.next));
	while (insn.next <= at)
		if (!decode(pieces->places->bytes, insn.next, piece->at.end, &insn) ||
			!is_idle(&insn))
			return false;
	return true;
}

/*
 * Where instructions are known, four bytes that begin in one can only be its own. Of a
 * function that is not in .eh_frame it is not certain that no table stands among them.
 */
static bool is_known(const struct pieces *pieces, uint64_t at, int32_t value)
{
	const struct piece *piece = piece_at(pieces, at);
	uint64_t start = holder(pieces->places, at);
	struct insn insn;

	if (!piece)
		return false;
	if (!start)
		return is_padding(pieces, piece, at);
	if (!piece->is_certain || piece->function->frame ||
		(!is_offset_of_shared(pieces->places, at, value) &&
			!absolute_is_shared(pieces->places, value)))
		return true;
	if (!decode(pieces->places->bytes, start, start + 15, &insn))
		return false;
	return absolute_is_field(&insn, at) ||
	       (insn_relative(&insn) && start + insn.in.raw.disp.offset == at);
}

static void cross_check_code(struct pieces *pieces, const struct section_extent *section)
{
	struct places *places = pieces->places;
	int32_t value;

	for (uint64_t at = section->at.start; at + 4 <= section->at.end; at++) {
		if (!bytes_get32(pieces->places->bytes, at, &value))
			return;
		if ((reaches_shared(places, at, value) ||
			    is_offset_of_shared(places, at, value) ||
			    absolute_is_shared(places, value)) &&
			!is_known(pieces, at, value))
			places_refuse(places,
				(struct refusal_of_plan){ .at = at,
					.is_code = true,
					.address = at + 4 + (uint64_t)(int64_t)value,
					.cause = "bytes that are not known to be code, or not "
						 "to be data, may refer to it",
					.cure = "annotate the variable instead" });
	}
}

static void cross_check_constants(struct pieces *pieces, const struct section_extent *section)
{
	struct places *places = pieces->places;
	int32_t value;

	for (uint64_t at = (section->at.start + 3) & ~(uint64_t)3; at + 4 <= section->at.end;
		at += 4) {
		if (!bytes_get32(pieces->places->bytes, at, &value))
			return;
		if (is_offset_of_shared(places, at, value))
			places_refuse(places,
				(struct refusal_of_plan){ .at = at,
					.address = at + (uint64_t)(int64_t)value,
					.cause = "a constant may be an offset to it",
					.cure = "annotate the variable instead" });
	}
}

static bool holds_constants(const struct section_extent *section)
{
	return section->type == SHT_PROGBITS && !section->is_code && !section->is_writable &&
	       strncmp(section->name, ".eh_frame", 9) != 0;
}

void sweep(struct places *places)
{
	const struct bytes *bytes = places->bytes;
	struct pieces pieces;

	pieces_decode(&pieces, places);
	collect(places);
	spread_writes(places);
	places->code_root_count = places->root_count;
	for (size_t i = 0; i < bytes->section_count; i++) {
		if (bytes->sections[i].is_code)
			cross_check_code(&pieces, &bytes->sections[i]);
		else if (holds_constants(&bytes->sections[i]))
			cross_check_constants(&pieces, &bytes->sections[i]);
	}
}
