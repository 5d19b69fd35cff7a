/* SPDX-License-Identifier: MIT */
/*
 * bench-heap.h - what the parts of bench-heap.c have in common
 *
 * The heaps that are compared (contestants), what they are asked to do (scenarios), and how
 * that is printed.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "children.h"
#include "samples.h"

#define CONTESTANTS_MAX 12
#define MEMBERS_MAX	8

/* Blocks that are alive, and which of them goes next. */
struct stock {
	uint32_t random;
	unsigned count;
	void *blocks[];
};

/* One process, or thread, hands blocks to another; each writes one of the two numbers. */
#define RING_SIZE 1024
struct ring {
	_Atomic unsigned long put __attribute__((aligned(64)));
	_Atomic unsigned long got __attribute__((aligned(64)));
	void *slots[RING_SIZE] __attribute__((aligned(64)));
};

enum heap_kind {
	HEAP_PRIVATE, /* what a heap could cost at best that need not be shared */
	HEAP_SHARED,
};

struct contestant {
	const char *name, *missing; /* if it is not there: what to install */
	enum heap_kind kind;
	bool (*start)(void); /* in the first process, once; false: it is not there */
	void *(*alloc)(size_t size);
	void (*free)(void *block);
	/* @count times allocate and free */
	void (*pairs)(size_t size, unsigned long count);
	/* @count times allocate as many as fit into @stock, then free all of them */
	void (*bursts)(struct stock *stock, size_t size, unsigned long count);
	/* @count times free one of @stock and put another one into its place, of 16 to 512 B */
	void (*churn)(struct stock *stock, unsigned long count);
	void (*produce)(struct ring *ring, size_t size, unsigned long count);
	void (*consume)(struct ring *ring, unsigned long count);
};

extern const struct contestant contestants[];
extern const unsigned contestant_count;
extern bool is_there[CONTESTANTS_MAX];

#define CONTESTANT_OURS	  "fondue"
#define CONTESTANT_GLIBC  "glibc"
#define CONTESTANT_BOOST  "Boost.Interprocess"
unsigned contestant_named(const char *name);
void contestants_start(void);

enum job { JOB_PAIRS, JOB_BURSTS, JOB_CHURN, JOB_PASS };

struct scenario {
	const char *name;
	enum job job;
	size_t size;	    /* of a block; 0: 16 to 512 B */
	unsigned blocks;    /* in the stock */
	unsigned processes; /* 0: in this one */
};

/* ns of a processor's time for one block that is allocated and freed. */
double scenario_measure(const struct scenario *s, unsigned contestant);
/* Let all processes go, and give all blocks back. */
void scenario_end(void);

/* Processes that wait for their turn, each with its own stock: see bench-heap-fleet.c. */
struct fleet;
struct fleet *fleet_start(const struct scenario *s, const struct contestant *c);
double fleet_run(struct fleet *fleet, unsigned long count); /* us, first start to last end */
void fleet_end(struct fleet *fleet);

/* Memory that processes forked from now on share. */
void *shared_memory(size_t size);
struct stock *stock_new(const struct contestant *c, unsigned count);

/* What was measured: for each scenario of a group, each contestant's values. */
struct results {
	const struct scenario *scenarios;
	unsigned count;
	struct samples samples[8][CONTESTANTS_MAX];
};
void results_measure(struct results *r, unsigned turns);
void results_print(const struct results *r);
/* Ours is to take at most @goal times what @peer takes, in all scenarios of the group. */
void results_goal(const struct results *r, const char *what, const char *peer,
	const char *shown, double goal);

void measure_alone(void);
void measure_processes(void);
void measure_without_rseq(void);
void measure_large(void);
void measure_touch(void);
void measure_footprint(void);
/* The other side of two of them, in processes of their own. */
void serve_scenarios(void);
void serve_refused(void);
void serve_footprint(void);
