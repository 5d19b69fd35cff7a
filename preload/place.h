/* SPDX-License-Identifier: MIT */
/*
 * place.h - what lies at an address of a process: a variable, a piece of code
 */
#pragma once

#include "names.h"

struct place {
	uintptr_t address;	     /* as it was asked for; 0: nothing is known */
	const struct binary *binary; /* NULL: it lies in no object */
	uintptr_t offset;	     /* as the file counts it, or the address itself */
	struct name name;	     /* text "": no name is certain */
	uintptr_t name_offset;	     /* from the start of what has the name */
	bool file_changed;	     /* so it could not be named */
};

/*
 * A process whose addresses are to be told, as places_open() has found it: large, and mapped
 * for as long as its places are needed.
 */
struct places;

/* Return: NULL when there is no memory, or @pid cannot be looked at. Keeps errno. */
struct places *places_open(pid_t pid);
void places_close(struct places *places);

/* The variable, or the member of one, at @address. Valid until places_close(). */
struct place place_of_data(struct places *places, uintptr_t address);

/* The code that a call returns to, or what can be looked up like that: see struct fondue_site. */
struct place place_of_code(struct places *places, uintptr_t address);

/*
 * place_is_site() - is a lock taken by the instructions before @address, in this process?
 *
 * Of a process that is gone nobody knows what it had mapped where. A relative has the same
 * objects at the same addresses, unless one of them has loaded more since: but it is by no
 * chance that a lock is taken just there, too.
 */
bool place_is_site(struct places *places, uintptr_t address);
