/* SPDX-License-Identifier: MIT */
/*
 * names.h - names for addresses: a certain one, or none
 */
#pragma once

#include "binary.h"

#define NAMES_LENGTH 192 /* bytes of a name, its 0 byte included; a longer one is cut: "..." */

enum names_kind { NAMES_CODE, NAMES_DATA };

struct name {
	uintptr_t address; /* in the object's process, to be named */
	uintptr_t start;   /* of what has the name; valid when it has */
	char text[NAMES_LENGTH]; /* "": no name is certain */
};

/* Room to work in: large, and nothing in it is kept. */
struct names_scratch {
	unsigned char bytes[16 * 1024];
};

/*
 * names_find() - name @count addresses, all in @binary, in one pass over its symbols
 * @names: their addresses are given, the rest is filled
 *
 * An address gets the name of the symbol that spans it, from .symtab or else from .dynsym of
 * the file. Return: 0; -ESTALE: the file is not the one that is mapped, so nothing is
 * named; other errors: it cannot be read.
 */
int names_find(struct target *target, const struct binary *binary, enum names_kind kind,
	struct name *names, unsigned count, struct names_scratch *scratch);
