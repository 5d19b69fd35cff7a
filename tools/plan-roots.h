/* SPDX-License-Identifier: MIT */
/*
 * plan-roots.h - what is known of all places that name an address in writable memory
 *
 * A place is either an instruction that touches the bytes it names: then they tell whose it
 * is. Or it forms an address, by lea or as relocated data, and what becomes of the address
 * is another question: such a place is called a root, for from it the address spreads.
 */
#pragma once

#include "plan-symbols.h"

/* What is done with the address, or with one that is computed from it. */
enum {
	USE_ESCAPES = 1,      /* it is stored, passed, returned: somebody may do anything */
	USE_INDEXED = 2,      /* touched at an offset that is not known */
	USE_WILD = 4,	      /* of these: the offset may be a counter of a loop */
	USE_REVERSED = 8,     /* of these: something is subtracted */
	USE_MEETS_OTHER = 16, /* compared with what is not known */
	USE_ODD = 32,	      /* arithmetic that pointers are not subject to */
	USE_STRADDLES = 64,   /* touched across the edge of a variable */
	USE_NOT_SEEN = 128,   /* no path to it was found */
	USE_RETURNED = 256,   /* it is where a function would return it, if it returned any */
	USE_MIXED = 512,      /* touched, where it may be another address instead */
};

#define LINKS_MAX 16

/* Bytes: as far from its variable may an address be that is only used with an index. */
#define ROOT_REACH 4096

/* Another root that it is compared with, or subtracted from. */
struct link {
	unsigned root;
	bool is_strong; /* it bounds a loop, or they are ordered */
	bool is_exact;	/* compared as they are, and equal */
};

struct root {
	uint64_t at;	  /* the instruction, or the eight bytes of data */
	uint64_t address; /* that it names */
	uint64_t field;	  /* where the displacement is; 0: a root in data */
	int32_t displacement;
	bool is_certain;  /* the symbol is named, or the linker made the slot */
	bool may_be_number; /* nothing but its use tells that it is an address */
	bool is_address;    /* it was used as one */
	uint64_t symbol;  /* then it is the address of this, or some bytes more */
	bool is_constant; /* in data that nobody changes, so that a load of it is known */
	bool is_visited;
	unsigned uses;
	unsigned step;	 /* the largest distance of what is touched by an index */
	bool is_low_known;
	int64_t low; /* of all offsets that are touched, where known */
	int64_t least, most; /* offsets at which it is passed, stored or compared */
	bool touches_shared, touches_private;
	uint64_t evidence; /* the instruction that touches it */
	struct link links[LINKS_MAX];
	unsigned link_count;
	bool is_full; /* there were more */
	/* the outcome */
	const struct datum *owner; /* NULL: nothing that is shared */
	const char *reason;
};

struct reference {
	uint64_t at; /* the instruction */
	uint64_t field;
	int32_t displacement;
	uint64_t address;
	const struct datum *owner;
	const char *reason;
};

struct refusal_of_plan {
	uint64_t at; /* 0: no place in particular */
	bool is_code;
	uint64_t address; /* that is named there; 0: none */
	const char *cause;
	const char *cure;
};

struct branch {
	uint64_t from, to;
	bool is_call;
};

/* Where an exception lands that comes out of a piece of code. */
struct landing {
	struct extent at;
	uint64_t to;
};

/* Dynamic symbols that a slot is bound to, for calls through it. */
struct import {
	uint64_t slot;
	const char *name;
};

/* Eight bytes that the loader sets to an address. */
struct pointer {
	uint64_t at, value;
	uint64_t symbol; /* of what is named: its address, without the addend */
	bool is_named; /* by a symbol, which may be found elsewhere in the end */
	bool is_got;
	bool may_be_number;
};

struct places {
	const struct bytes *bytes;
	struct symbols *symbols;
	uint8_t *starts; /* a byte for each of bytes->code: length of the instruction there */
	struct root *roots; /* those of code by address, then those of data */
	size_t root_count, code_root_count;
	struct reference *references; /* that touch what is shared */
	size_t reference_count;
	struct branch *branches; /* by address */
	size_t branch_count;
	struct landing *landings; /* by address, disjoint */
	size_t landing_count;
	uint64_t *stores; /* places that instructions store to directly */
	size_t store_count;
	struct pointer *pointers;
	size_t pointer_count;
	struct import *imports; /* by slot */
	size_t import_count;
	struct refusal_of_plan *refusals;
	size_t refusal_count;
};

/* An instruction touches these bytes by their name. */
void places_note_touched(struct places *places, struct extent touched);
void places_refuse(struct places *places, struct refusal_of_plan refusal);
struct root *places_add_root(struct places *places, struct root root);
/* The root of the instruction at @at, or NULL. */
struct root *places_root(const struct places *places, uint64_t at);
/* The root of the eight bytes at @at, if they never change once the loader is done. */
struct root *places_slot(const struct places *places, uint64_t at);
/* Length of the instruction that begins at @at, or 0. */
unsigned places_length(const struct places *places, uint64_t at);
/* Is there a loop within one function around @at? */
bool places_in_loop(const struct places *places, uint64_t at);
/* Is any of these bytes of a variable that will be shared? */
bool places_are_shared(const struct places *places, struct extent at);
/* Is something shared near enough that an address there could be of it? */
bool places_are_near_shared(const struct places *places, uint64_t address);
const char *places_import(const struct places *places, uint64_t slot);
