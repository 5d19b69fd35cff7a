/* SPDX-License-Identifier: MIT */
/*
 * plan-symbols.h - the variables and the functions of an object, by address
 */
#pragma once

#include "plan-bytes.h"

/* A variable; or, where no symbol is, what lies there: somebody's, of unknown bounds. */
struct datum {
	struct extent at;
	const char *symbol; /* NULL: unnamed */
	const char *name;   /* as in the source, where the debug information tells */
	const char *file;   /* or NULL */
	const char *function; /* that it is static in, or NULL */
	bool is_exported;
	bool is_chosen; /* it will be shared */
	unsigned taken;	/* how many places form an address in it */
	bool is_touched_whole;  /* some instruction touches all of it, by its name */
	bool is_touched_partly; /* or what does not begin where it does */
};

struct function {
	struct extent at;
	const char *name; /* or NULL */
	bool is_sized;	  /* its end is told, by a symbol or in .eh_frame */
	uint64_t frame;	  /* its FDE in .eh_frame, or 0: made by a compiler, or with the same care */
	unsigned writes;  /* registers, a bit each: what a call of it may destroy */
	bool names_stack; /* it forms addresses of what it has on the stack, or indexes it */
};

struct symbols {
	const struct bytes *bytes;
	struct datum *data; /* by address, disjoint */
	size_t datum_count;
	struct datum *names; /* every symbol of a variable, by address: several for one datum */
	size_t name_count;
	struct datum *labels; /* in writable memory, of unknown size; in the tables' order */
	size_t label_count;
	struct function *functions; /* by address, disjoint */
	size_t function_count;
	bool has_locals; /* there was a .symtab: every variable has its symbol */
	bool has_resolvers; /* IFUNC: code of it that the loader runs while it relocates */
};

/*
 * symbols_read() - from the object and from its debug file
 * @debug_file: a path, or NULL: look where such files are
 *
 * Return: NULL, or why the debug file cannot be used.
 */
const char *symbols_read(
	struct symbols *symbols, const struct bytes *bytes, const char *debug_file);

/* Between the variables: what is too large for padding becomes an unnamed datum. */
void symbols_sort(struct symbols *symbols);
void symbols_fill_gaps(struct symbols *symbols);

struct datum *symbols_datum(const struct symbols *symbols, uint64_t address);
struct function *symbols_function(const struct symbols *symbols, uint64_t address);

/* The first variable that ends behind @address; @datum_count when there is none. */
size_t symbols_first(const struct symbols *symbols, uint64_t address);

/* "name+0x8", "0x4010, between a and b"; memory is never freed. */
const char *symbols_place(const struct symbols *symbols, uint64_t address);
const char *symbols_code_place(const struct symbols *symbols, uint64_t address);

/* As in the source where that is known, else the symbol. */
const char *datum_name(const struct datum *datum);
