/* SPDX-License-Identifier: MIT */
/*
 * refused.c - an annotated program that cannot be shared, since raw.c is linked to it
 */
#include <stdio.h>

#include <fondue/shared.h>

#include "sharing.h"

FONDUE_SHARED static volatile int word = 1;

__attribute__((constructor)) static void constructor(void)
{
	printf("constructor\n");
	fflush(stdout);
}

int main(void)
{
	const char *sharing = sharing_of(&word);

	printf("%s %s\n", fondue_active() ? "active" : "inactive", sharing);
	return 0;
}
