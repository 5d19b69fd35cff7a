/* SPDX-License-Identifier: MIT */
/*
 * observe-types.c - down a type to the member of basic type that has a given bit
 *
 * Arrays are arithmetic, whatever their length; of structures each member is asked where it
 * is. Of a union it is the first member that reaches so far, for nothing says which of them
 * is in use. All is counted in bits, from the lowest of the first byte, as DWARF counts
 * bit-fields on machines that store the low byte first.
 *
 * The tree may be damaged, or circular: only so many steps are taken.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "debuginfo.h"
#include "memory.h"
#include "observe-types.h"

/* Types within types, typedefs of typedefs: more than anybody writes. */
#define DEPTH_MAX      64
#define DIMENSIONS_MAX 16

static bool type_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;

	return debuginfo_attribute(die, DW_AT_type, &attribute) &&
	       dwarf_formref_die(&attribute, ret);
}

static bool is_transparent(int tag)
{
	return tag == DW_TAG_typedef || tag == DW_TAG_const_type ||
	       tag == DW_TAG_volatile_type || tag == DW_TAG_restrict_type ||
	       tag == DW_TAG_atomic_type || tag == DW_TAG_subrange_type;
}

static bool peel(Dwarf_Die *type)
{
	for (unsigned i = 0; i < DEPTH_MAX && is_transparent(dwarf_tag(type)); i++)
		if (!type_of(type, type))
			return false;
	return !is_transparent(dwarf_tag(type));
}

static uint64_t bits_of(Dwarf_Die *type)
{
	Dwarf_Word size;

	return dwarf_aggregate_size(type, &size) == 0 ? 8 * size : 0;
}

static bool number(Dwarf_Die *die, unsigned name, uint64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0)
		return false;
	*ret = value;
	return true;
}

static enum seen_encoding encoding_of(Dwarf_Die *type)
{
	uint64_t encoding = 0;

	number(type, DW_AT_encoding, &encoding);
	switch (encoding) {
	case DW_ATE_signed:
		return SEEN_SIGNED;
	case DW_ATE_unsigned:
		return SEEN_UNSIGNED;
	case DW_ATE_float:
	case DW_ATE_complex_float:
		return SEEN_REAL;
	case DW_ATE_signed_char:
	case DW_ATE_unsigned_char:
	case DW_ATE_UTF:
		return SEEN_CHARACTER;
	case DW_ATE_boolean:
		return SEEN_BOOLEAN;
	default:
		return SEEN_UNKNOWN;
	}
}

static void add_path(struct field *ret, const char *format, const char *text, uint64_t index)
{
	char *before = ret->path, *part;

	part = text ? memory_format("%s%s", before && *before ? format : "", text) :
		      memory_format("[%lu]", (unsigned long)index);
	ret->path = memory_format("%s%s", before ? before : "", part);
	free(part);
	free(before);
}

static bool descend(Dwarf_Die *type, uint64_t bit, struct field *ret, unsigned depth);

/* What is wider than a word is in parts; a long double is not (see observe-compare). */
static bool take_basic(Dwarf_Die *type, uint64_t bit, struct field *ret)
{
	uint64_t encoding = 0;

	ret->bits = bits_of(type);
	ret->encoding = encoding_of(type);
	number(type, DW_AT_encoding, &encoding);
	if (encoding == DW_ATE_complex_float)
		ret->bits /= 2;
	else if (ret->encoding != SEEN_REAL && ret->bits > 64)
		ret->bits = 64;
	if (!ret->bits)
		return false;
	ret->bit += bit / ret->bits * ret->bits;
	return true;
}

static bool take_enumeration(Dwarf_Die *type, struct field *ret)
{
	Dwarf_Die under;

	ret->bits = bits_of(type);
	ret->encoding = SEEN_UNSIGNED;
	if (type_of(type, &under) && peel(&under))
		ret->encoding = encoding_of(&under);
	return ret->bits > 0 && ret->bits <= 64;
}

static bool take_pointer(Dwarf_Die *type, struct field *ret)
{
	ret->bits = bits_of(type) ? bits_of(type) : 8 * sizeof(void *);
	ret->encoding = SEEN_POINTER;
	return ret->bits <= 64;
}

/* How many elements each dimension has; 0: nobody says. */
static unsigned dimensions(Dwarf_Die *array, uint64_t counts[DIMENSIONS_MAX])
{
	Dwarf_Die child;
	unsigned count = 0;

	if (dwarf_child(array, &child) != 0)
		return 0;
	do {
		uint64_t value = 0;

		if (dwarf_tag(&child) != DW_TAG_subrange_type)
			continue;
		if (!number(&child, DW_AT_count, &value) &&
			number(&child, DW_AT_upper_bound, &value))
			value++;
		counts[count++] = value;
	} while (count < DIMENSIONS_MAX && dwarf_siblingof(&child, &child) == 0);
	return count;
}

static bool descend_array(Dwarf_Die *type, uint64_t bit, struct field *ret, unsigned depth)
{
	uint64_t counts[DIMENSIONS_MAX], size, index, below = 1;
	unsigned count = dimensions(type, counts);
	Dwarf_Die element;

	if (!count || !type_of(type, &element))
		return false;
	size = bits_of(&element);
	if (!size)
		return false;
	index = bit / size;
	for (unsigned i = 1; i < count; i++)
		below *= counts[i] ? counts[i] : 1;
	for (unsigned i = 0; i < count; i++) {
		add_path(ret, NULL, NULL, index / below);
		index %= below;
		if (i + 1 < count)
			below /= counts[i + 1] ? counts[i + 1] : 1;
	}
	ret->bit += bit / size * size;
	return descend(&element, bit % size, ret, depth + 1);
}

/* Where a member begins, and how many bits it has; 0: nobody says. */
static bool extent_of(
	Dwarf_Die *member, uint64_t *ret_start, uint64_t *ret_bits, bool *ret_is_field)
{
	uint64_t bytes = 0;
	Dwarf_Die type;

	if (!type_of(member, &type))
		return false;
	*ret_is_field = number(member, DW_AT_bit_size, ret_bits);
	if (!*ret_is_field)
		*ret_bits = bits_of(&type);
	if (number(member, DW_AT_data_bit_offset, ret_start))
		return true;
	number(member, DW_AT_data_member_location, &bytes);
	*ret_start = 8 * bytes;
	return true;
}

static bool take_bit_field(Dwarf_Die *member, uint64_t bits, struct field *ret)
{
	Dwarf_Die type;

	if (!type_of(member, &type) || !peel(&type) || bits > 64)
		return false;
	ret->bits = bits;
	ret->encoding =
		dwarf_tag(&type) == DW_TAG_base_type ? encoding_of(&type) : SEEN_UNSIGNED;
	return true;
}

static bool is_member(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return (tag == DW_TAG_member && !dwarf_hasattr(die, DW_AT_external)) ||
	       tag == DW_TAG_inheritance;
}

static bool enter_member(Dwarf_Die *member, uint64_t bit, struct field *ret, unsigned depth)
{
	uint64_t start, bits;
	Dwarf_Die type;
	bool is_field;
	const char *name = dwarf_tag(member) == DW_TAG_member ? dwarf_diename(member) : NULL;

	if (!extent_of(member, &start, &bits, &is_field) || bit < start ||
		(bits && bit >= start + bits))
		return false;
	ret->bit += start;
	if (name)
		add_path(ret, ".", name, 0);
	if (is_field)
		return take_bit_field(member, bits, ret);
	return type_of(member, &type) && descend(&type, bit - start, ret, depth + 1);
}

static bool descend_members(Dwarf_Die *type, uint64_t bit, struct field *ret, unsigned depth)
{
	Dwarf_Die child;

	if (dwarf_child(type, &child) != 0)
		return false;
	do {
		struct field inner = *ret;

		if (!is_member(&child))
			continue;
		inner.path = ret->path ? memory_copy(ret->path) : NULL;
		if (enter_member(&child, bit, &inner, depth)) {
			free(ret->path);
			*ret = inner;
			return true;
		}
		free(inner.path);
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

static bool descend(Dwarf_Die *type, uint64_t bit, struct field *ret, unsigned depth)
{
	if (depth > DEPTH_MAX || !peel(type))
		return false;
	switch (dwarf_tag(type)) {
	case DW_TAG_base_type:
		return take_basic(type, bit, ret);
	case DW_TAG_enumeration_type:
		return take_enumeration(type, ret);
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
	case DW_TAG_ptr_to_member_type:
	case DW_TAG_unspecified_type:
		return take_pointer(type, ret);
	case DW_TAG_array_type:
		return descend_array(type, bit, ret, depth);
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		return descend_members(type, bit, ret, depth);
	default:
		return false;
	}
}

bool types_field(Dwarf_Die *variable, uint64_t bit, struct field *ret)
{
	Dwarf_Die type;

	*ret = (struct field){ 0 };
	if (type_of(variable, &type) && descend(&type, bit, ret, 0) && bit >= ret->bit &&
		bit < ret->bit + ret->bits)
		return true;
	free(ret->path);
	*ret = (struct field){ 0 };
	return false;
}
