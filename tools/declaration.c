/* SPDX-License-Identifier: MIT */
/*
 * declaration.c - C reads from the name outwards, DWARF from the outside to the name
 *
 * A type is an entry that refers to the entry of what it is made of: a pointer to an array
 * of functions. A declaration is built the other way round, from the name, which each step
 * puts into another layer: `x`, `*x`, `(*x)[3]`, `int (*x)[3]`.
 *
 * For a place where no header has been included yet a typedef is replaced by what it stands
 * for, which is the same type. A structure needs no more than its tag, even for a variable
 * that is one: it may be declared before its type is complete. Only what has no tag but a
 * typedef, and elements of arrays, must be known: by including the header that has them.
 */
#include <dwarf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "debuginfo.h"
#include "declaration.h"
#include "memory.h"

/* Of a type in a type. A damaged file has circles. */
#define DEPTH_MAX  64
#define TAGS_MAX   256
#define NEEDED_MAX 64

/* @qualifiers: those of what is next, as "volatile ", kept until there is a place for them. */
struct spelled {
	struct declaration *declaration;
	enum spelling spelling;
	bool is_cplusplus;
	const char *qualifiers;
	unsigned depth;
};

static char *spell(struct spelled *to, Dwarf_Die *of, const char *inner);

static char *give_up(struct spelled *to, const char *why_not)
{
	if (!to->declaration->why_not)
		to->declaration->why_not = why_not;
	return NULL;
}

/* Return: false: void. */
static bool type_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;

	return debuginfo_attribute(die, DW_AT_type, &attribute) &&
	       dwarf_formref_die(&attribute, ret);
}

static uint64_t number_of(Dwarf_Die *die, unsigned name, uint64_t otherwise)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	return dwarf_attr(die, name, &attribute) && dwarf_formudata(&attribute, &value) == 0 ?
		       value :
		       otherwise;
}

/* What is written to the left of it all, the qualifiers that have piled up before it. */
static char *leftmost(struct spelled *to, const char *type, const char *inner)
{
	return memory_format("%s%s%s%s", to->qualifiers, type,
		*inner && *inner != '[' && *inner != ' ' ? " " : "", inner);
}

/* gcc says "complex double", clang "complex". */
static const char *complex_name(uint64_t size)
{
	return size == 8  ? "float _Complex" :
	       size == 16 ? "double _Complex" :
			    "long double _Complex";
}

static char *spell_base(struct spelled *to, Dwarf_Die *type, const char *inner)
{
	uint64_t encoding = number_of(type, DW_AT_encoding, 0);
	const char *name = dwarf_diename(type);

	if (encoding == DW_ATE_complex_float)
		name = complex_name(number_of(type, DW_AT_byte_size, 0));
	else if (encoding == DW_ATE_boolean && !to->is_cplusplus)
		name = "_Bool";
	if (!name || strstr(name, "complex "))
		return give_up(to, "its type has no name in C");
	return leftmost(to, name, inner);
}

static const char *tag_word(int tag)
{
	return tag == DW_TAG_union_type	      ? "union" :
	       tag == DW_TAG_enumeration_type ? "enum" :
						"struct";
}

const char *declaration_type_name(Dwarf_Die *type)
{
	const char *name = dwarf_diename(type);

	name = name ? name : "without a name";
	return dwarf_tag(type) == DW_TAG_typedef ?
		       name :
		       memory_format("%s %s", tag_word(dwarf_tag(type)), name);
}

static void add_tag(struct declaration *declaration, const char *tag)
{
	for (size_t i = 0; i < declaration->tag_count; i++)
		if (!strcmp(declaration->tags[i], tag))
			return;
	if (declaration->tag_count == TAGS_MAX)
		return;
	declaration->tags = memory_grow(
		declaration->tags, declaration->tag_count, sizeof(*declaration->tags));
	declaration->tags[declaration->tag_count++] = tag;
}

/* Of C++, a class that is in something has a name that this knows nothing of. */
static bool is_in_something(Dwarf_Die *type)
{
	Dwarf_Die *scopes;
	int count = dwarf_getscopes_die(type, &scopes);
	bool is_in = count > 1 && dwarf_tag(&scopes[1]) != DW_TAG_compile_unit;

	if (count > 0)
		free(scopes);
	return is_in;
}

/* A structure, a union, an enumeration */
static char *spell_tagged(struct spelled *to, Dwarf_Die *type, const char *inner)
{
	const char *name = dwarf_diename(type);

	if (!name) {
		to->declaration->has_no_name = true;
		return give_up(to, "its type has no name");
	}
	if (!strcmp(name, "__va_list_tag")) /* no source can name it */
		return give_up(to, "its type is the compiler's own (va_list)");
	if (to->spelling == SPELL_AS_WRITTEN && to->is_cplusplus)
		return leftmost(to, name, inner);
	if (to->is_cplusplus && (strchr(name, '<') || is_in_something(type) ||
					dwarf_tag(type) == DW_TAG_enumeration_type))
		return give_up(to, "its type, of C++, cannot be declared ahead");
	add_tag(to->declaration, declaration_type_name(type));
	return leftmost(to, declaration_type_name(type), inner);
}

static void need(struct declaration *declaration, const Dwarf_Die *type)
{
	if (declaration->needed_count == NEEDED_MAX)
		return;
	declaration->needed = memory_grow(
		declaration->needed, declaration->needed_count, sizeof(*declaration->needed));
	declaration->needed[declaration->needed_count++] = *type;
}

static bool is_tagged(Dwarf_Die *type)
{
	int tag = dwarf_tag(type);

	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
	       tag == DW_TAG_union_type || tag == DW_TAG_enumeration_type;
}

static char *spell_typedef(struct spelled *to, Dwarf_Die *type, const char *inner)
{
	const char *name = dwarf_diename(type);
	Dwarf_Die of;

	if (!name)
		return give_up(to, "the debug information is damaged");
	if (to->spelling == SPELL_AS_WRITTEN)
		return leftmost(to, name, inner);
	if (!type_of(type, &of) || !is_tagged(&of) || dwarf_diename(&of))
		return spell(to, type, inner);
	need(to->declaration, type);
	return leftmost(to, name, inner);
}

static bool is_wrapped(Dwarf_Die *of)
{
	int tag = dwarf_tag(of);

	return tag == DW_TAG_array_type || tag == DW_TAG_subroutine_type;
}

/* Through what does not show: qualifiers, and typedefs that will be replaced. */
static bool unwrapped(const struct spelled *to, Dwarf_Die *type, Dwarf_Die *ret)
{
	Dwarf_Die at;

	if (!type_of(type, ret))
		return false;
	for (unsigned i = 0; i < DEPTH_MAX; i++) {
		int tag = dwarf_tag(ret);

		if (tag != DW_TAG_const_type && tag != DW_TAG_volatile_type &&
			(tag != DW_TAG_typedef || to->spelling == SPELL_AS_WRITTEN))
			return true;
		at = *ret;
		if (!type_of(&at, ret))
			return false;
	}
	return true;
}

/* Its qualifiers stand behind the star, and those of what it points to come later. */
static char *spell_pointer(
	struct spelled *to, Dwarf_Die *type, const char *mark, const char *inner)
{
	Dwarf_Die of;
	char *pointer = memory_format("%s%s%s", mark, to->qualifiers, inner);

	to->qualifiers = "";
	if (unwrapped(to, type, &of) && is_wrapped(&of))
		pointer = memory_format("(%s)", pointer);
	return spell(to, type, pointer);
}

static char *dimension(Dwarf_Die *range)
{
	uint64_t count = number_of(range, DW_AT_count, 0);
	uint64_t upper = number_of(range, DW_AT_upper_bound, UINT64_MAX);

	if (!count && upper < INT64_MAX)
		count = upper + 1;
	return count ? memory_format("[%llu]", (unsigned long long)count) : memory_copy("[]");
}

static void need_element(struct spelled *to, Dwarf_Die *type)
{
	Dwarf_Die of;

	if (to->spelling == SPELL_ANYWHERE && unwrapped(to, type, &of) && is_tagged(&of) &&
		dwarf_diename(&of) && dwarf_tag(&of) != DW_TAG_enumeration_type)
		need(to->declaration, &of);
}

static char *spell_array(struct spelled *to, Dwarf_Die *type, const char *inner)
{
	Dwarf_Attribute attribute;
	char *array = memory_copy(inner);
	Dwarf_Die range;
	int more;

	if (dwarf_attr(type, DW_AT_GNU_vector, &attribute))
		return give_up(to, "it is a vector");
	for (more = dwarf_child(type, &range); more == 0;
		more = dwarf_siblingof(&range, &range))
		if (dwarf_tag(&range) == DW_TAG_subrange_type)
			array = memory_format("%s%s", array, dimension(&range));
	need_element(to, type);
	return spell(to, type, array);
}

/* A type inside of another: it has qualifiers of its own. */
static char *spell_apart(struct spelled *to, Dwarf_Die *of)
{
	const char *kept = to->qualifiers;
	char *text;

	to->qualifiers = "";
	text = spell(to, of, "");
	to->qualifiers = kept;
	return text;
}

static char *parameters(struct spelled *to, Dwarf_Die *type)
{
	Dwarf_Attribute prototyped;
	bool is_told = to->is_cplusplus || dwarf_attr(type, DW_AT_prototyped, &prototyped);
	char *list = NULL;
	Dwarf_Die child;

	for (int more = dwarf_child(type, &child); more == 0;
		more = dwarf_siblingof(&child, &child)) {
		const char *one = "...";

		if (dwarf_tag(&child) == DW_TAG_formal_parameter)
			one = spell_apart(to, &child);
		else if (dwarf_tag(&child) != DW_TAG_unspecified_parameters)
			continue;
		if (!one)
			return NULL;
		if (is_told)
			list = list ? memory_format("%s, %s", list, one) : memory_copy(one);
	}
	return list ? list : memory_copy(is_told ? "void" : "");
}

static char *spell_function(struct spelled *to, Dwarf_Die *type, const char *inner)
{
	char *list = parameters(to, type);

	if (!list)
		return NULL;
	to->qualifiers = "";
	return spell(to, type, memory_format("%s(%s)", inner, list));
}

static char *spell_qualified(
	struct spelled *to, Dwarf_Die *type, const char *word, const char *inner)
{
	to->qualifiers = memory_format("%s %s", word, to->qualifiers);
	return spell(to, type, inner);
}

static char *spell_type(struct spelled *to, Dwarf_Die *type, const char *inner)
{
	switch (dwarf_tag(type)) {
	case DW_TAG_base_type:
		return spell_base(to, type, inner);
	case DW_TAG_typedef:
		return spell_typedef(to, type, inner);
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
		return spell_tagged(to, type, inner);
	case DW_TAG_pointer_type:
		return spell_pointer(to, type, "*", inner);
	case DW_TAG_array_type:
		return spell_array(to, type, inner);
	case DW_TAG_subroutine_type:
		return spell_function(to, type, inner);
	case DW_TAG_const_type:
		return spell_qualified(to, type, "const", inner);
	case DW_TAG_volatile_type:
		return spell_qualified(to, type, "volatile", inner);
	case DW_TAG_restrict_type:
		return spell_qualified(to, type, "__restrict", inner);
	case DW_TAG_atomic_type:
		return spell_qualified(to, type, "_Atomic", inner);
	case DW_TAG_reference_type:
		if (to->spelling == SPELL_ANYWHERE)
			return give_up(to, "there is a reference in its type, of C++");
		return spell_pointer(to, type, "&", inner);
	default:
		return give_up(to, "its type is none of C");
	}
}

/* What @of, a variable or a type, has as its type, around @inner. */
static char *spell(struct spelled *to, Dwarf_Die *of, const char *inner)
{
	char *text;
	Dwarf_Die type;

	if (!type_of(of, &type))
		return leftmost(to, "void", inner);
	if (to->depth++ > DEPTH_MAX)
		return give_up(to, "its type has no end");
	text = spell_type(to, &type, inner);
	to->depth--;
	return text;
}

/* Is the variable itself a constant, or each element of it? */
static bool is_constant(Dwarf_Die *variable)
{
	Dwarf_Die at = *variable, type;

	for (unsigned i = 0; i < DEPTH_MAX && type_of(&at, &type); i++, at = type) {
		int tag = dwarf_tag(&type);

		if (tag == DW_TAG_const_type)
			return true;
		if (tag != DW_TAG_typedef && tag != DW_TAG_volatile_type &&
			tag != DW_TAG_array_type && tag != DW_TAG_atomic_type)
			return false;
	}
	return false;
}

static bool is_reference(Dwarf_Die *variable)
{
	Dwarf_Die type;

	return type_of(variable, &type) &&
	       (dwarf_tag(&type) == DW_TAG_reference_type ||
		       dwarf_tag(&type) == DW_TAG_rvalue_reference_type);
}

void declaration_spell(Dwarf_Die *variable, const char *name, enum spelling spelling,
	bool is_cplusplus, struct declaration *ret)
{
	struct spelled to = { .declaration = ret,
		.spelling = spelling,
		.is_cplusplus = is_cplusplus,
		.qualifiers = "" };

	*ret = (struct declaration){ 0 };
	if (is_constant(variable))
		ret->why_not = "it is const";
	else if (is_reference(variable))
		ret->why_not = "it is a reference";
	else
		ret->text = spell(&to, variable, name);
	if (!ret->text && !ret->why_not)
		ret->why_not = "its type cannot be told";
}
