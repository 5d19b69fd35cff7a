/* SPDX-License-Identifier: MIT */
/*
 * observe-spell.c - a type as a declaration would have it
 *
 * In C what belongs to a name stands on both sides of it: "int (*", ")(int)" for a pointer
 * to a function. So each step adds to a left and a right half, from the name outwards; what
 * has a name of its own ends it. A name is taken as it is, so a typedef stays one.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "debuginfo.h"
#include "memory.h"
#include "observe-types.h"

/* Pointers to arrays of pointers: what is longer nobody reads. */
#define STEPS_MAX      24
#define PARAMETERS_MAX 16

static char *spell(Dwarf_Die *type, unsigned depth);

/* Which C compilers write out more fully than people do. */
static const struct {
	const char *long_name, *name;
} basic[] = {
	{ "long int", "long" },
	{ "long unsigned int", "unsigned long" },
	{ "unsigned long int", "unsigned long" },
	{ "long long int", "long long" },
	{ "long long unsigned int", "unsigned long long" },
	{ "short int", "short" },
	{ "short unsigned int", "unsigned short" },
};

static const char *short_name(const char *name)
{
	for (size_t i = 0; i < sizeof(basic) / sizeof(basic[0]); i++)
		if (!strcmp(name, basic[i].long_name))
			return basic[i].name;
	return name;
}

static bool is_c(Dwarf_Die *die)
{
	Dwarf_Die unit;

	if (!dwarf_diecu(die, &unit, NULL, NULL))
		return true;
	switch (dwarf_srclang(&unit)) {
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
	case DW_LANG_Rust:
		return false;
	default:
		return true;
	}
}

static char *named(Dwarf_Die *type)
{
	const char *name = dwarf_diename(type), *word = "";

	switch (dwarf_tag(type)) {
	case DW_TAG_structure_type:
		word = "struct ";
		break;
	case DW_TAG_class_type:
		word = "class ";
		break;
	case DW_TAG_union_type:
		word = "union ";
		break;
	case DW_TAG_enumeration_type:
		word = "enum ";
		break;
	}
	if (!name)
		return memory_format("%s{..}", word);
	return memory_format("%s%s", is_c(type) ? word : "", short_name(name));
}

/* What stands around the name of the variable. */
struct halves {
	char *left, *right;
	bool is_pointer; /* the last step: then an array or function behind it needs brackets */
};

static void put(struct halves *halves, const char *left, const char *right)
{
	char *new_left = memory_format("%s%s", left, halves->left);
	char *new_right = memory_format("%s%s", halves->right, right);

	free(halves->left);
	free(halves->right);
	halves->left = new_left;
	halves->right = new_right;
}

static void bracket(struct halves *halves)
{
	if (halves->is_pointer)
		put(halves, "(", ")");
	halves->is_pointer = false;
}

static void put_array(struct halves *halves, Dwarf_Die *type)
{
	Dwarf_Die child;

	bracket(halves);
	if (dwarf_child(type, &child) != 0)
		return;
	do {
		Dwarf_Attribute attribute;
		Dwarf_Word count;
		char *text;

		if (dwarf_tag(&child) != DW_TAG_subrange_type)
			continue;
		if (dwarf_attr(&child, DW_AT_count, &attribute) &&
			dwarf_formudata(&attribute, &count) == 0)
			text = memory_format("[%lu]", (unsigned long)count);
		else if (dwarf_attr(&child, DW_AT_upper_bound, &attribute) &&
			 dwarf_formudata(&attribute, &count) == 0)
			text = memory_format("[%lu]", (unsigned long)count + 1);
		else
			text = memory_copy("[]");
		put(halves, "", text);
		free(text);
	} while (dwarf_siblingof(&child, &child) == 0);
}

static char *parameters(Dwarf_Die *type, unsigned depth)
{
	char *list = memory_copy("");
	unsigned count = 0;
	Dwarf_Die child;

	if (dwarf_child(type, &child) != 0)
		return list;
	do {
		Dwarf_Attribute attribute;
		Dwarf_Die of;
		char *one, *longer;

		if (dwarf_tag(&child) != DW_TAG_formal_parameter ||
			!dwarf_attr(&child, DW_AT_type, &attribute) ||
			!dwarf_formref_die(&attribute, &of))
			continue;
		one = spell(&of, depth + 1);
		longer = memory_format("%s%s%s", list, count ? ", " : "", one);
		free(one);
		free(list);
		list = longer;
	} while (++count < PARAMETERS_MAX && dwarf_siblingof(&child, &child) == 0);
	return list;
}

static void put_function(struct halves *halves, Dwarf_Die *type, unsigned depth)
{
	char *list = parameters(type, depth), *right = memory_format("(%s)", list);

	bracket(halves);
	put(halves, "", right);
	free(right);
	free(list);
}

static void put_pointer(struct halves *halves, const char *sign)
{
	put(halves, sign, "");
	halves->is_pointer = true;
}

/* A word before a pointer's star belongs to what it points to: "const char *". */
static void put_word(struct halves *halves, char **words, const char *word, Dwarf_Die *of)
{
	char *longer;

	/* what qualifies an array is told of its elements, too */
	if (dwarf_tag(of) == DW_TAG_array_type)
		return;
	if (dwarf_tag(of) == DW_TAG_pointer_type) {
		longer = memory_format("%s%s", word, halves->left);
		free(halves->left);
		halves->left = longer;
		return;
	}
	longer = memory_format("%s%s ", *words, word);
	free(*words);
	*words = longer;
}

/* Return: does the type go on? */
static bool step(Dwarf_Die *type, struct halves *halves, char **words, unsigned depth)
{
	Dwarf_Attribute attribute;
	Dwarf_Die next;
	bool has_next = dwarf_attr(type, DW_AT_type, &attribute) &&
			dwarf_formref_die(&attribute, &next);

	switch (dwarf_tag(type)) {
	case DW_TAG_pointer_type:
		put_pointer(halves, "*");
		break;
	case DW_TAG_reference_type:
		put_pointer(halves, "&");
		break;
	case DW_TAG_rvalue_reference_type:
		put_pointer(halves, "&&");
		break;
	case DW_TAG_const_type:
		put_word(halves, words, "const", has_next ? &next : type);
		break;
	case DW_TAG_volatile_type:
		put_word(halves, words, "volatile", has_next ? &next : type);
		break;
	case DW_TAG_atomic_type:
		put_word(halves, words, "_Atomic", has_next ? &next : type);
		break;
	case DW_TAG_restrict_type:
		break;
	case DW_TAG_array_type:
		put_array(halves, type);
		break;
	case DW_TAG_subroutine_type:
		put_function(halves, type, depth);
		break;
	default:
		return false;
	}
	if (has_next)
		*type = next;
	else
		type->addr = NULL;
	return has_next;
}

static char *spell(Dwarf_Die *die, unsigned depth)
{
	struct halves halves = { .left = memory_copy(""), .right = memory_copy("") };
	char *words = memory_copy(""), *name, *ret;
	Dwarf_Die type = *die;

	if (depth < 4)
		for (unsigned i = 0; i < STEPS_MAX && step(&type, &halves, &words, depth); i++)
			;
	name = type.addr ? named(&type) : memory_copy("void");
	ret = memory_format(
		"%s%s%s%s%s", words, name, *halves.left ? " " : "", halves.left, halves.right);
	free(halves.left);
	free(halves.right);
	free(words);
	free(name);
	return ret;
}

char *types_spell(Dwarf_Die *variable)
{
	Dwarf_Attribute attribute;
	Dwarf_Die type;

	if (!debuginfo_attribute(variable, DW_AT_type, &attribute) ||
		!dwarf_formref_die(&attribute, &type))
		return NULL;
	return spell(&type, 0);
}
