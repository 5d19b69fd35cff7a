/* SPDX-License-Identifier: MIT */
/*
 * relocatable.h - variables of an object file that is not linked yet, each in a section
 */
#pragma once

#include "object.h"

struct own_section {
	const char *name;
	const char *variable; /* the symbol */
};

/*
 * relocatable_find() - the section of @object that holds the variable @name, and no other
 * @object: open, of type ET_REL
 *
 * @name is as in the source or in the symbol table. Return: NULL with *ret filled; or why not.
 */
const char *relocatable_find(
	const struct object *object, const char *name, struct own_section *ret);
