/* SPDX-License-Identifier: MIT */
/*
 * bench-spinlock.h - what the parts of bench-spinlock.c have in common
 *
 * The locks that are compared (contestants), and the memory in which they lie.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "children.h"
#include "samples.h"

#define PROCESSES_MAX 64

/* What one process of a fleet counts; parent and process are the only ones who look. */
struct tally {
	_Atomic unsigned long count;
	uint64_t worst_ns; /* the longest wait for the lock */
	char node[48];	   /* the process's place in the queue of a lock that has one */
} __attribute__((aligned(128)));

/*
 * MAP_SHARED memory. The lock and what it protects lie on two cache lines: contestants of
 * 4 and of 40 bytes are then alike, and nobody gains by bringing the data along.
 */
struct arena {
	char lock[128] __attribute__((aligned(128)));
	unsigned long protected_count __attribute__((aligned(128)));
	_Atomic uint32_t ready __attribute__((aligned(128)));
	_Atomic uint32_t go;
	_Atomic uint32_t stop;
	_Atomic uint64_t reached_ns; /* recovery: somebody has the lock */
	_Atomic int result;
	struct tally tallies[PROCESSES_MAX];
};

extern struct arena *arena;

/* Iterations of an empty loop. */
struct load {
	unsigned long section, think;
};

enum kind {
	KIND_NONE, /* no lock at all: what the scheduler alone gives */
	KIND_SPINS,
	KIND_QUEUES, /* spins, first come first served: one who is not running stops all */
	KIND_PARKS,
	KIND_OURS,
};

struct contestant {
	const char *name;
	enum kind kind;
	bool survives; /* its owner's death */
	void (*init)(void);
	/* @count times lock and unlock */
	void (*pairs)(struct tally *self, unsigned long count);
	/* Lock, work, unlock, think, until arena->stop; timed: and look at the clock. */
	void (*turns)(struct tally *self, struct load load);
	void (*timed_turns)(struct tally *self, struct load load);
	/* Where it survives: 0, or an errno value, EOWNERDEAD among them. */
	int (*lock)(void);
	int (*unlock)(void);
};

extern const struct contestant contestants[];
extern const unsigned contestant_count;

/* Indices of those that others are compared with. */
unsigned contestant_named(const char *name);
#define CONTESTANT_OURS	  "fondue_spinlock_t"
#define CONTESTANT_SPIN	  "pthread_spinlock_t"
#define CONTESTANT_MUTEX  "pthread_mutex_t"
#define CONTESTANT_ROBUST "pthread_mutex_t, robust"

static inline uint64_t now_in_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* Of medians, of minima, of maxima. */
double samples_max(const struct samples *s);

struct cell {
	unsigned processes, section_ns, think_ns;
};

struct reached {
	double rate;	 /* million acquisitions a second */
	double jain;	 /* 1: all processes had the same number of them */
	double least;	 /* smallest share by largest */
	double worst_ms; /* the longest wait */
};

void load_calibrate(void);
/* Let @cell->processes compete for @window_ms. */
struct reached fleet_run(
	const struct contestant *c, const struct cell *cell, unsigned window_ms, bool timed);

/* The scenarios: each prints its tables and goals. */
void measure_uncontended(void);
void measure_contended(void);
void measure_fairness(void);
void measure_recovery(void);
