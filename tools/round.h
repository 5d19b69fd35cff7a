/* SPDX-License-Identifier: MIT */
/*
 * round.h - one look at every slot, and at every lock that a slot names
 */
#pragma once

#include "view.h"

struct round {
	struct thread *threads; /* by the number of their slots, below @used */
	uint32_t used;
	uint32_t living;    /* of them */
	struct lock *locks; /* by key; taken, or waited for */
	size_t count;
};

/* Return: could the registry be read? Else nothing is to be freed. */
bool round_take(struct round *round, const struct family *family, struct views *views,
	struct census *census);
void round_free(struct round *round);

/* The lock of that key, or NULL. */
struct lock *round_find(const struct round *round, const struct key *key);
