/* SPDX-License-Identifier: MIT */
/* plan-visits.h - functions that have been gone through with certain arguments; see plan-visits.c */
#pragma once

#include "plan-calls.h"

#define VISITS_BUCKETS 65536

struct outcome {
	bool returns;
	struct value value;
};

struct visit {
	uint64_t entry;
	struct value arguments[ARGUMENTS];
	struct outcome outcome;
	bool is_busy;	  /* being gone through: it has called itself */
	bool is_recorded; /* what is done with the arguments is noted */
	struct visit *next;
};

/* Zeroed: none. */
struct visits {
	struct visit *buckets[VISITS_BUCKETS];
	size_t count;
};

/* The one with the same arguments, or NULL. */
struct visit *visits_find(
	const struct visits *visits, uint64_t entry, const struct value *arguments);
struct visit *visits_add(struct visits *visits, uint64_t entry, const struct value *arguments);
