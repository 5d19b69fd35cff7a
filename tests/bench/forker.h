/* SPDX-License-Identifier: MIT */
/*
 * forker.h - what the benchmarks of fork() ask forker.c to do
 */
#pragma once

#include "peer.h"

/* By which function, in a preloaded process: through the hook, or around it? */
enum door { DOOR_FORK, DOOR_FORK_LIBC, DOOR_FORK_RAW, DOOR_FORK_RAW_LIBC, DOOR_COUNT };

/* What the child does before it exits. */
enum errand { ERRAND_NONE, ERRAND_WRITE };

#define CYCLES_MAX 64

struct request {
	enum door door;
	enum errand errand;
	unsigned cycles;
};

/* In microseconds. */
struct cycle {
	double call;  /* fork() itself, in the parent */
	double whole; /* from before fork() until the child has been waited for */
};

/* Do it, and add what came of it. */
static inline void forker_ask(const struct peer *peer, const struct request *request,
	struct samples *calls, struct samples *wholes)
{
	struct cycle cycles[CYCLES_MAX];

	peer_ask(peer, request, sizeof(*request), cycles, request->cycles * sizeof(cycles[0]));
	for (unsigned i = 0; i < request->cycles; i++) {
		samples_add(calls, cycles[i].call);
		samples_add(wholes, cycles[i].whole);
	}
}
