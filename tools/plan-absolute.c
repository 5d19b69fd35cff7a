/* SPDX-License-Identifier: MIT */
/*
 * plan-absolute.c - addresses that are written as numbers
 *
 * A program that is not position-independent is loaded where it was linked to, below 2 GiB, and
 * holds addresses as plain numbers: as a displacement of 32 bits without the instruction's own
 * address, as an immediate of 32 bits, and as words of data, for which no relocation is left.
 * So 4210784 may be the address of a counter, or a number of that size. An instruction that
 * touches what it names, with nothing added but an index, tells: no number is used like that.
 * Of all others it is asked what becomes of them, as of an address that is formed by lea; and
 * who is found to be an address of something shared must have been used as one, else the plan
 * is refused. A word of data is used by nobody whom we see, so such a word refuses the plan;
 * but for slots of the GOT, which hold addresses only.
 *
 * What is not re-pointed stays as it is, right for a private variable and for a number alike.
 */
#include <string.h>

#include "memory.h"
#include "plan-absolute.h"

static bool is_got(const struct section_extent *section)
{
	return !strcmp(section->name, ".got") || !strcmp(section->name, ".got.plt");
}

bool absolute_is_shared(const struct places *places, int32_t value)
{
	uint64_t address = (uint64_t)(int64_t)value;

	return places->bytes->is_absolute &&
	       places_are_shared(places, (struct extent){ address - 1, address + 1 });
}

bool absolute_is_field(const struct insn *insn, uint64_t at)
{
	struct constant list[CONSTANTS_MAX];
	unsigned count = insn_constants(insn, list);

	for (unsigned i = 0; i < count; i++)
		if (list[i].field == at)
			return true;
	return false;
}

static void refuse(
	struct places *places, const struct insn *insn, uint64_t address, const char *cause)
{
	places_refuse(places, (struct refusal_of_plan){ .at = insn->at,
				      .is_code = true,
				      .address = address,
				      .cause = cause,
				      .cure = "link with -pie, or annotate the variable" });
}

/* It touches the bytes that it names. */
static void add_reference(
	struct places *places, const struct insn *insn, const struct constant *constant)
{
	struct extent touched = { constant->value,
		constant->value + insn_width(insn, constant->op) };
	const struct datum *datum = symbols_datum(places->symbols, touched.start);

	if (constant->op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) {
		places->stores = memory_grow(
			places->stores, places->store_count, sizeof(*places->stores));
		places->stores[places->store_count++] = touched.start;
	}
	places_note_touched(places, touched);
	if (!places_are_shared(places, touched))
		return;
	if (!datum || !datum->is_chosen || touched.end > datum->at.end) {
		refuse(places, insn, touched.start,
			"it touches bytes of more than one variable");
		return;
	}
	places->references = memory_grow(
		places->references, places->reference_count, sizeof(*places->references));
	places->references[places->reference_count++] = (struct reference){ .at = insn->at,
		.field = constant->field,
		.displacement = (int32_t)constant->value,
		.address = touched.start,
		.owner = datum };
}

/* A pointer is never multiplied: with an index alone the rest is where the array is. */
static bool is_array(const struct insn *insn, const ZydisDecodedOperand *op)
{
	bool is_multiplied = op->mem.base ? op->mem.base == op->mem.index : op->mem.scale > 1;

	return op->type == ZYDIS_OPERAND_TYPE_MEMORY && is_multiplied && !insn_only_names(insn);
}

static void add_root(
	struct places *places, const struct insn *insn, const struct constant *constant)
{
	struct datum *datum = symbols_datum(places->symbols, constant->value);

	if (places->root_count && places->roots[places->root_count - 1].at == insn->at) {
		if (places_are_near_shared(places, constant->value) ||
			places_are_near_shared(
				places, places->roots[places->root_count - 1].address))
			refuse(places, insn, constant->value,
				"two numbers in one instruction may be addresses");
		return;
	}
	if (datum)
		datum->taken++;
	places_add_root(places, (struct root){ .at = insn->at,
					.address = constant->value,
					.field = constant->field,
					.displacement = (int32_t)constant->value,
					.may_be_number = true,
					.is_address = is_array(insn, constant->op) });
}

static bool is_near_data(const struct places *places, uint64_t address)
{
	return address + ROOT_REACH >= places->bytes->data.start &&
	       address <= places->bytes->data.end + ROOT_REACH;
}

/*
 * The start files of compilers pass where their table of transactions ends, which is where the
 * zeroed data begin, to a library that is hardly ever there.
 */
static bool is_in_start_files(const struct places *places, uint64_t at)
{
	const struct function *function = symbols_function(places->symbols, at);
	const char *name = function ? function->name : NULL;

	return name &&
	       (!strcmp(name, "register_tm_clones") || !strcmp(name, "deregister_tm_clones"));
}

void absolute_collect(struct places *places, const struct insn *insn)
{
	struct constant list[CONSTANTS_MAX];
	unsigned count = insn_constants(insn, list);

	for (unsigned i = 0; i < count && !is_in_start_files(places, insn->at); i++) {
		if (!is_near_data(places, list[i].value))
			continue;
		if (list[i].op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
			insn->in.address_width == 32) {
			if (places_are_near_shared(places, list[i].value))
				refuse(places, insn, list[i].value,
					"it is part of an address of 32 bits");
		} else if (insn_is_direct(list[i].op) && !insn_only_names(insn)) {
			add_reference(places, insn, &list[i]);
		} else {
			add_root(places, insn, &list[i]);
		}
	}
}

/* Which the loader, or the program, reads as data: not the loader's own tables. */
static bool may_hold_addresses(const struct section_extent *section)
{
	switch (section->type) {
	case SHT_PROGBITS:
	case SHT_INIT_ARRAY:
	case SHT_FINI_ARRAY:
	case SHT_PREINIT_ARRAY:
		return !section->is_code && strncmp(section->name, ".eh_frame", 9) != 0;
	default:
		return false;
	}
}

static void read_section(struct places *places, const struct section_extent *section)
{
	uint64_t value;

	for (uint64_t at = section->at.start; at + 8 <= section->at.end; at++) {
		if (!bytes_get64(places->bytes, at, &value))
			return;
		if (value > INT32_MAX || !is_near_data(places, value) ||
			!places_are_near_shared(places, value))
			continue;
		places->pointers = memory_grow(
			places->pointers, places->pointer_count, sizeof(*places->pointers));
		places->pointers[places->pointer_count++] = (struct pointer){ .at = at,
			.value = value,
			.symbol = value,
			.is_got = is_got(section),
			.may_be_number = !is_got(section) };
	}
}

void absolute_read_words(struct places *places)
{
	for (size_t i = 0; i < places->bytes->section_count; i++)
		if (may_hold_addresses(&places->bytes->sections[i]))
			read_section(places, &places->bytes->sections[i]);
}
