/* SPDX-License-Identifier: MIT */
/*
 * thread.c - a plugin whose constructor starts a thread that counts into a shared
 * variable
 *
 * The thread counts on while dlopen() returns. It keeps a count of its own as well: if
 * the two differ at the end, increments went into pages that were thrown away. With -DC11
 * the thread is C11's, which libc starts without pthread_create().
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <threads.h>

#include <fondue/shared.h>

#include "plugin.h"

#define RUNNING 100000 /* increments: the thread is well on its way */

FONDUE_SHARED static volatile int hits = PLUGIN_FRESH;
FONDUE_SHARED_ZERO static volatile int table[2048];
static volatile int own;
static atomic_bool stop;

/* Not atomic, so fast that no replaced page can fall between two increments. */
static int count(void *unused)
{
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		hits++;
		table[1]++;
		own++;
	}
	(void)unused;
	return 0;
}

#ifdef C11
static thrd_t thread;

static bool begin(void)
{
	return thrd_create(&thread, count, NULL) == thrd_success;
}

static bool finish(void)
{
	return thrd_join(thread, NULL) == thrd_success;
}
#else
static pthread_t thread;

static void *count_here(void *unused)
{
	count(unused);
	return NULL;
}

static bool begin(void)
{
	return pthread_create(&thread, NULL, count_here, NULL) == 0;
}

static bool finish(void)
{
	return pthread_join(thread, NULL) == 0;
}
#endif

__attribute__((constructor)) static void start(void)
{
	if (!begin())
		return;
	while (own < RUNNING)
		thrd_yield();
}

/* Let it count some more, stop it; return how many increments were lost, or -1. */
int plugin_lost(void)
{
	while (own < 3 * RUNNING)
		thrd_yield();
	atomic_store(&stop, true);
	if (!finish())
		return -1;
	return 2 * own + PLUGIN_FRESH - hits - table[1];
}

volatile int *plugin_hits(void)
{
	return &hits;
}

int plugin_active(void)
{
	return fondue_active();
}
