/* SPDX-License-Identifier: MIT */
/*
 * definition.h - where the source defines a variable, and as what
 */
#pragma once

#include "debuginfo.h"

struct definition {
	struct place place;
	const char *unit;	/* the file that was compiled, as the compiler was told */
	const char *directory;	/* in which it ran, or NULL */
	const char *section;	/* of the object, or NULL */
	bool is_static;		/* in a file or in a function */
	bool is_zero;		/* its section takes no room in the file */
	bool is_c, is_cplusplus; /* neither: another language */
	bool is_renamed;	/* another name than the source's for the linker */
};

struct definitions {
	struct debuginfo debuginfo;
	struct definition *list;
	size_t count;
};

/*
 * definitions_find() - all variables that @name stands for
 * @name: NAME, FILE.c:NAME, FUNCTION:NAME; of C++ NAME may lack its namespace
 * @object: open; a program, a library or an object file
 */
void definitions_find(
	struct definitions *ret, const struct object *object, const char *name);

/* Is there a symbol of that name which each thread has its own of? */
bool definitions_are_of_threads(const struct definitions *definitions, const char *name);

/*
 * definitions_namesake() - something else of that name, in the files of one language
 * @unit: in this one; NULL: in every one but that of @except
 *
 * Something that a declaration of the variable would contradict. Return: the file, or NULL.
 */
const char *definitions_namesake(const struct definitions *definitions, const char *name,
	const char *unit, const struct definition *except);

/* Is @path, of a file, what a person means by @name: the same, or the end of it? */
bool definition_is_file(const char *path, const char *name);

/* Where it stands: the file, or the one that includes that, or "?". */
static inline const char *definition_file(const struct definition *definition)
{
	if (definition->place.file)
		return definition->place.file;
	return definition->unit ? definition->unit : "?";
}
