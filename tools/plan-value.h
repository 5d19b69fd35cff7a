/* SPDX-License-Identifier: MIT */
/*
 * plan-value.h - what may be in a register, as far as the flow of addresses needs it
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Beyond these nothing is known. */
#define NO_LOW	(INT64_MIN / 4)
#define NO_HIGH (INT64_MAX / 4)

enum value_kind {
	VALUE_NUMBER,  /* low..high, or anything */
	VALUE_PLACE,   /* the address low, of code or of a constant */
	VALUE_POINTER, /* the address of a root, and low..high more */
	VALUE_STACK,   /* low bytes above the return address */
	VALUE_MIXED,   /* from one of several roots, or none; root: a set of them */
	VALUE_TABLE,   /* an offset out of the jump table at low, or low and that offset */
};

/* The root of a VALUE_TABLE whose entries are addresses, of 64 bits. */
#define TABLE_OF_ADDRESSES 1

struct value {
	uint8_t kind;
	bool is_tame;	  /* what is not known of it was read from memory, or is returned */
	bool is_reversed; /* something was subtracted to get it */
	bool is_scaled;	  /* what is not known of it was multiplied, so it is no address */
	int64_t shift;	  /* what was added to that, while it is tame: loops change it */
	unsigned root;
	int64_t low, high;
};

static inline struct value value_number(int64_t low, int64_t high)
{
	return (struct value){ .kind = VALUE_NUMBER, .low = low, .high = high };
}

static inline struct value value_unknown(void)
{
	return value_number(NO_LOW, NO_HIGH);
}

/* As it comes out of memory, or from a function. */
static inline struct value value_loaded(void)
{
	struct value value = value_unknown();

	value.is_tame = true;
	return value;
}

static inline struct value value_constant(int64_t number)
{
	struct value value = value_number(number, number);

	value.is_tame = true;
	return value;
}

static inline struct value value_of(enum value_kind kind, unsigned root, int64_t low)
{
	return (struct value){
		.kind = kind, .is_tame = true, .root = root, .low = low, .high = low
	};
}

static inline bool value_is_exact(struct value value)
{
	return value.low == value.high;
}

static inline bool value_is_constant(struct value value)
{
	return value.kind == VALUE_NUMBER && value_is_exact(value);
}

/*
 * Is what is not known of it an index? It was multiplied, or has bounds, or began at a number and
 * counts. A place on the stack, or of code, is none. (An address that is not known has no bounds;
 * one that is kept in 32 bits would have.)
 */
static inline bool value_is_index(struct value value)
{
	bool has_bounds = value.kind == VALUE_NUMBER || value.kind == VALUE_POINTER;

	return value.is_scaled || (has_bounds && value.low > NO_LOW &&
					  (value.high < NO_HIGH || !value.is_tame));
}

/* Does it come, or may it come, from a root? */
static inline bool value_is_rooted(struct value value)
{
	return value.kind == VALUE_POINTER || value.kind == VALUE_MIXED;
}

bool value_is_same(struct value a, struct value b);

/* value_join() - either; what differs from @old is not narrowed again, so that loops end */
struct value value_join(struct value old, struct value new);

struct value value_add(struct value a, struct value b);
struct value value_negative(struct value value);
struct value value_times(struct value value, int64_t factor);

/* What is left in 64 bits when 32 are written, or are extended with their sign. */
struct value value_low32(struct value value);
struct value value_signed32(struct value value);

/* Roots that a value may come from: @ret has room for VALUE_ROOTS_MAX. */
#define VALUE_ROOTS_MAX 16
unsigned value_roots(struct value value, unsigned *ret);

/* Does it come from one of them for certain? */
bool value_is_whole(struct value value);

/* The same roots, but perhaps it is something else. */
struct value value_doubt(struct value value);

/* Was it ever necessary to forget a root? Then it must be asked what became of it. */
void value_on_forgotten(void (*forget)(unsigned root));
