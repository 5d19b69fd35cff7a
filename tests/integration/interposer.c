/* SPDX-License-Identifier: MIT */
/*
 * interposer.c - a program linked with a library, one of whose variables it takes over
 *
 * Built with one of: -DDEFINES, a variable of the same name; -DANNOTATES, one that is
 * annotated; or neither, then the program just uses the library's, which is a copy of its
 * own (a COPY relocation) if it is not position independent.
 */
#include <stdio.h>

#include "plugins/exported.h"
#include "plugins/plugin.h"
#include "sharing.h"

#ifdef ANNOTATES
#include <fondue/shared.h>
FONDUE_SHARED volatile int exported_hits = PLUGIN_FRESH;
#endif
#ifdef DEFINES
volatile int exported_hits = PLUGIN_FRESH;
#endif

int main(void)
{
	int active = exported_active();
	int value = exported_hits;

	printf("%s %d %s, %s\n", active ? "active" : "inactive", value,
		sharing_of(exported_at()),
		exported_at() == &exported_hits ? "one variable" : "two variables");
	return 0;
}
