/* SPDX-License-Identifier: MIT */
/* plan-nodes.h - the places of a function where paths meet, and what is known there */
#pragma once

#include <stddef.h>

#include "plan-state.h"

#define NODES_BUCKETS 256

struct node {
	uint64_t at;
	struct state state;
	struct node *next;
	bool is_queued;
};

/* Zeroed: none. */
struct nodes {
	struct node *buckets[NODES_BUCKETS];
	struct node **queue;
	size_t queued;
};

struct node *nodes_find(const struct nodes *nodes, uint64_t at);

/* A path comes to @at with @state: what is new there is to be gone on with. */
void nodes_reach(struct nodes *nodes, uint64_t at, const struct state *state);

/* One that is to be gone on with; NULL: nothing changes any more. */
struct node *nodes_next(struct nodes *nodes);

void nodes_free(struct nodes *nodes);
