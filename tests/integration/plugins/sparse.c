/* SPDX-License-Identifier: MIT */
/*
 * sparse.c - a plugin with a large table, of which its constructor touches a page here
 * and there: first and last bytes, where an error by one would show
 */
#include <fondue/shared.h>

#include "plugin.h"
#include "sparse.h"

FONDUE_SHARED static volatile int hits = PLUGIN_FRESH;
FONDUE_SHARED static char first[3 * SPARSE_PAGE] = {1};
FONDUE_SHARED_ZERO static char table[SPARSE_SIZE];

__attribute__((constructor)) static void start(void)
{
	first[SPARSE_PAGE] = first[3 * SPARSE_PAGE - 1] = 2;
	for (unsigned long page = 0; page < SPARSE_SIZE; page += SPARSE_STRIDE) {
		table[page] = SPARSE_MARK(page);
		table[page + SPARSE_PAGE - 1] = SPARSE_MARK(page) ^ 0x55;
	}
	table[SPARSE_SIZE - 1] = 77;
}

/* Number of touched bytes that are not as the constructor left them. */
int sparse_lost(void)
{
	int lost = first[0] != 1 || first[SPARSE_PAGE] != 2 ||
		   first[3 * SPARSE_PAGE - 1] != 2;

	for (unsigned long page = 0; page < SPARSE_SIZE; page += SPARSE_STRIDE)
		lost += (table[page] != SPARSE_MARK(page)) +
			(table[page + SPARSE_PAGE - 1] != (SPARSE_MARK(page) ^ 0x55)) +
			(table[page + 1] != 0) + (table[page + SPARSE_PAGE - 2] != 0);
	return lost + (table[SPARSE_SIZE - 1] != 77);
}

/* Write to a page that nobody has touched; and was it written to? */
void sparse_touch(void)
{
	table[SPARSE_UNTOUCHED] = 1;
}

int sparse_touched(void)
{
	return table[SPARSE_UNTOUCHED];
}

volatile int *plugin_hits(void)
{
	return &hits;
}

int plugin_active(void)
{
	return fondue_active();
}
