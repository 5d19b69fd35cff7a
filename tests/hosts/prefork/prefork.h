/* SPDX-License-Identifier: MIT */
/*
 * prefork.h - a small prefork HTTP server: what its files know of each other
 *
 *	main.c	 the master: listens, forks the workers, replaces the dead, stops
 *	http.c	 a worker: accepts connections, reads requests, answers them
 *	stats.c	 what is counted, and the page /stats that shows it
 *
 * Written as such servers have been written for decades: one process per connection, all
 * state in globals and statics, nothing reentrant, because nothing has to be. The one
 * thing it never could do is count for all workers together. `grep FONDUE_SHARED *.c`
 * shows what it took: a word at each of the totals. With it come atomic increments, and a
 * lock for the one table that grows.
 *
 * What must be shared and what must not is a decision per variable. Totals are the
 * family's; the parse buffer, the serial numbers and the count of a single worker are its
 * own, and sharing them would be a bug. Shared variables are initialised once, by the
 * master before its first fork; a worker's own are, as a replacement needs it, when it
 * starts. A table holds its names itself, since a shared pointer to a worker's private
 * memory points nowhere in the others.
 */
#ifndef PREFORK_H
#define PREFORK_H

#include <stddef.h>
#include <sys/types.h>

/* main.c */
extern unsigned long workers_replaced;
/* End of file can be read here as soon as the master stops the server, or is dead. */
extern int master_gone;

/* http.c */
int serve(int listener);

/* stats.c */
void stats_worker_started(void);
void stats_worker_died(pid_t pid);
void stats_count(const char *path, size_t bytes);
void stats_count_refused(void);
const char *stats_page(size_t *ret_length);

#endif
