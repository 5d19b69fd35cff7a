/* SPDX-License-Identifier: MIT */
/*
 * advice.c - a plugin whose constructor has wishes about the pages of its variables
 *
 * Which one is in the environment: ADVICE. As a database locks its buffers into memory,
 * or keeps its keys out of core dumps.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <fondue/shared.h>

#include "advice.h"
#include "plugin.h"

FONDUE_SHARED static volatile int hits = PLUGIN_FRESH;
FONDUE_SHARED_ZERO static char table[ADVICE_SIZE];

enum { LOCK = -1, LOCK_ON_FAULT = -2 }; /* no advice of madvise() has these numbers */

static const struct wish {
	const char *name;
	int advice;
	size_t size; /* from the beginning of the table */
} wishes[] = {
	{"none", MADV_NORMAL, ADVICE_SIZE},
	{"lock", LOCK, ADVICE_PAGE},
	{"on-fault", LOCK_ON_FAULT, ADVICE_SIZE},
	{"dontdump", MADV_DONTDUMP, ADVICE_SIZE},
	{"dontdump-page", MADV_DONTDUMP, ADVICE_PAGE},
	{"nohugepage", MADV_NOHUGEPAGE, ADVICE_SIZE},
	{"dontfork", MADV_DONTFORK, ADVICE_SIZE},
	{"wipeonfork", MADV_WIPEONFORK, ADVICE_SIZE},
};

static int ask(const struct wish *wish)
{
	switch (wish->advice) {
	case LOCK:
		return mlock(table, wish->size);
	case LOCK_ON_FAULT:
		return mlock2(table, wish->size, MLOCK_ONFAULT);
	default:
		return madvise(table, wish->size, wish->advice);
	}
}

__attribute__((constructor)) static void start(void)
{
	const char *wanted = getenv("ADVICE");

	table[0] = 1;
	for (unsigned i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
		if (wanted && !strcmp(wishes[i].name, wanted) && ask(&wishes[i]) != 0)
			abort();
}

char *advice_table(void)
{
	return table;
}

volatile int *plugin_hits(void)
{
	return &hits;
}

int plugin_active(void)
{
	return fondue_active();
}
