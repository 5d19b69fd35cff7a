/* SPDX-License-Identifier: MIT */
/*
 * plan-nodes.c - where paths meet
 *
 * Each such place has one state, which holds for all paths that have come there so far. If one
 * comes that brings something else, the state is widened until it holds for that, too, and all
 * that follows from the place is done again: with a list of what is to be done, until it is empty.
 * It will be, for states only ever become wider, and not for long.
 */
#include <stdlib.h>

#include "memory.h"
#include "plan-nodes.h"

static unsigned bucket_of(uint64_t at)
{
	return at * 2654435761u >> 7 & (NODES_BUCKETS - 1);
}

struct node *nodes_find(const struct nodes *nodes, uint64_t at)
{
	struct node *node = nodes->buckets[bucket_of(at)];

	while (node && node->at != at)
		node = node->next;
	return node;
}

static void enqueue(struct nodes *nodes, struct node *node)
{
	if (node->is_queued)
		return;
	node->is_queued = true;
	nodes->queue = memory_grow(nodes->queue, nodes->queued, sizeof(struct node *));
	nodes->queue[nodes->queued++] = node;
}

static struct node *add(struct nodes *nodes, uint64_t at, const struct state *state)
{
	struct node **bucket = &nodes->buckets[bucket_of(at)];
	struct node *node = memory_get(sizeof(*node));

	node->at = at;
	node->state = *state;
	node->next = *bucket;
	*bucket = node;
	return node;
}

void nodes_reach(struct nodes *nodes, uint64_t at, const struct state *state)
{
	struct node *node = nodes_find(nodes, at);

	if (!node)
		enqueue(nodes, add(nodes, at, state));
	else if (state_join(&node->state, state))
		enqueue(nodes, node);
}

struct node *nodes_next(struct nodes *nodes)
{
	struct node *node = nodes->queued ? nodes->queue[--nodes->queued] : NULL;

	if (node)
		node->is_queued = false;
	return node;
}

void nodes_free(struct nodes *nodes)
{
	for (unsigned i = 0; i < NODES_BUCKETS; i++)
		for (struct node *node = nodes->buckets[i], *next; node; node = next) {
			next = node->next;
			free(node);
		}
	free(nodes->queue);
	*nodes = (struct nodes){ .queued = 0 };
}
