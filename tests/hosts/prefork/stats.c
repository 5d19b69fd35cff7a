/* SPDX-License-Identifier: MIT */
/*
 * stats.c - what the server counts, and the page that shows it
 *
 * A request is counted just before it is answered: whoever has an answer has been
 * counted, even if the worker is killed the next moment; a worker killed in between has
 * counted one request that got no answer. All counts only grow, each by an atomic
 * increment, so that the page needs no lock. It may be a request ahead in one line and
 * not yet in the next.
 */
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <fondue/shared.h>

#include "prefork.h"

#define PATHS_MAX 256
#define PATH_SIZE 64

struct path {
	char name[PATH_SIZE]; /* the bytes themselves: see prefork.h on pointers */
	unsigned long hits;
};

/* The family's. */
static FONDUE_SHARED unsigned long requests;
static FONDUE_SHARED unsigned long bytes;   /* of bodies */
static FONDUE_SHARED unsigned long refused; /* what was no request, or none for us */
static FONDUE_SHARED unsigned long others;  /* paths too long or too many for the table */
static FONDUE_SHARED_ZERO struct path paths[PATHS_MAX];
static FONDUE_SHARED unsigned paths_used; /* entries of paths[] that are complete */
static FONDUE_SHARED pid_t paths_owner;	  /* who may append one; 0: nobody does */

/* This worker's own. */
static unsigned long own_requests;
static char page[PATHS_MAX * (PATH_SIZE + 32) + 1024];
static size_t page_length;

static void count(unsigned long *counter, unsigned long by)
{
	__atomic_add_fetch(counter, by, __ATOMIC_RELAXED);
}

static unsigned long value(const unsigned long *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* A worker may be the replacement of one that died: the totals are not touched. */
void stats_worker_started(void)
{
	own_requests = 0;
}

/*
 * The right to append to the table: held for a few instructions, by the process whose
 * number it holds. A worker killed meanwhile cannot give it back, so the master does when
 * it has reaped it. (Not before: until then, nobody else can get the same number.) What
 * the dead one was writing is no part of the table yet and is simply overwritten.
 */
static void paths_acquire(void)
{
	pid_t nobody = 0;

	while (!__atomic_compare_exchange_n(
		&paths_owner, &nobody, getpid(), 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		nobody = 0;
		sched_yield();
	}
}

static void paths_release(pid_t owner)
{
	__atomic_compare_exchange_n(
		&paths_owner, &owner, 0, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

void stats_worker_died(pid_t pid)
{
	paths_release(pid);
}

/* acquire: the name of each entry counted; pairs with the release in path_append() */
static unsigned paths_complete(void)
{
	return __atomic_load_n(&paths_used, __ATOMIC_ACQUIRE);
}

static struct path *path_find(const char *name, unsigned from)
{
	unsigned used = paths_complete();

	for (unsigned i = from; i < used; i++)
		if (strcmp(paths[i].name, name) == 0)
			return &paths[i];
	return NULL;
}

/* Called by the owner of the right to append: nobody else changes paths_used. */
static struct path *path_append(const char *name)
{
	unsigned used = paths_complete();

	if (used == PATHS_MAX || strlen(name) >= PATH_SIZE)
		return NULL;
	strcpy(paths[used].name, name);
	__atomic_store_n(&paths_used, used + 1, __ATOMIC_RELEASE);
	return &paths[used];
}

/* Entries never move or go, so that one found is found for good: no lock to find it. */
static struct path *path_entry(const char *name)
{
	unsigned seen = paths_complete();
	struct path *path = path_find(name, 0);

	if (path)
		return path;
	paths_acquire();
	path = path_find(name, seen); /* another worker may have been faster */
	if (!path)
		path = path_append(name);
	paths_release(getpid());
	return path;
}

void stats_count(const char *path, size_t length)
{
	struct path *entry = path_entry(path);

	own_requests++;
	count(&requests, 1);
	count(&bytes, length);
	count(entry ? &entry->hits : &others, 1);
}

void stats_count_refused(void)
{
	count(&refused, 1);
}

__attribute__((format(printf, 1, 2))) static void print(const char *format, ...)
{
	size_t room = sizeof(page) - page_length;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(page + page_length, room, format, args);
	va_end(args);
	if (length > 0 && (size_t)length < room)
		page_length += length;
}

const char *stats_page(size_t *ret_length)
{
	unsigned used = paths_complete();

	page_length = 0;
	print("worker %ld\n", (long)getpid());
	print("own-requests %lu\n", own_requests);
	print("requests %lu\n", value(&requests));
	print("bytes %lu\n", value(&bytes));
	print("refused %lu\n", value(&refused));
	print("replaced %lu\n", value(&workers_replaced));
	for (unsigned i = 0; i < used; i++)
		print("path %s %lu\n", paths[i].name, value(&paths[i].hits));
	print("other-paths %lu\n", value(&others));
	*ret_length = page_length;
	return page;
}
