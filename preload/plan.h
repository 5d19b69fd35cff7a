/* SPDX-License-Identifier: MIT */
/*
 * plan.h - a plan on disk: which variables of one object move, and all that refers to them
 *
 * Made by `fondue plan`, which proves that nothing else refers to them; applied by the runtime
 * to that very object, told by its build-id, before any of its code runs. Numbers are in the
 * byte order of the machine, addresses as the object's file has them:
 *
 *	struct plan_header
 *	plan_variable[]		by address, disjoint
 *	plan_reference[]	by address: four bytes of an instruction each
 *	plan_pointer[]		by address: eight bytes of data each
 *	strings			each ended by a 0 byte; the first is empty
 *
 * What a reference or a pointer holds before is told, too: so it can be seen that the object
 * in memory is the one that was looked at, and not changed since.
 *
 * A plan of version 2 moves nothing. It is of pages: each plan_variable[] is one or more whole
 * pages that become shared where they are, with all that lies in them, which whoever made the
 * plan was told of; its name is that of the variable for whose sake. There are no references
 * and no pointers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PLAN_MAGIC    "fondplan"
#define PLAN_VERSION  1
#define PLAN_OF_PAGES 2
/* What addresses and sizes of such a plan are multiples of; the machine's may not be larger. */
#define PLAN_PAGE_SIZE 4096
/* Ranges that a plan of pages has at most. */
#define PLAN_PAGES_MAX 1024
#define PLAN_ID_MAX    64

struct plan_header {
	char magic[8];
	uint32_t version;
	uint32_t machine; /* e_machine of the object */
	uint64_t size;	  /* of the whole plan */
	uint64_t sum;	  /* plan_sum() */
	uint32_t variables, references, pointers, strings; /* how many; bytes of strings */
	uint32_t name;	  /* of the object, in the strings; for messages only */
	uint32_t id_size;
	uint8_t id[PLAN_ID_MAX]; /* its build-id */
};

struct plan_variable {
	uint64_t address, size;
	uint32_t name; /* in the strings */
	uint32_t is_exported; /* other objects' GOT slots may hold its address */
};

/*
 * A displacement in an instruction, relative to the instruction's end. It is changed by as much
 * as the variable moves.
 */
struct plan_reference {
	uint64_t at;
	int32_t displacement; /* what it is */
	uint32_t variable;    /* whose it is: a number of plan_variable[] */
};

/* Eight bytes of data that the loader relocates to an address in a variable, or at its end. */
struct plan_pointer {
	uint64_t at;
	uint64_t value; /* what it is, less the address that the object is loaded at */
	uint32_t variable;
	uint32_t spare;
};

/* FNV-1a, 64 bits, of all bytes behind the field `sum`; of what is not damaged on purpose. */
static inline uint64_t plan_sum(const struct plan_header *plan, uint64_t size)
{
	const uint8_t *bytes = (const uint8_t *)plan;
	uint64_t sum = 0xcbf29ce484222325;

	for (uint64_t i = offsetof(struct plan_header, sum) + sizeof(sum); i < size; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3;
	return sum;
}
