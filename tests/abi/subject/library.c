/* SPDX-License-Identifier: MIT */
/* library.c - a library with an annotated variable that programs name directly */
#include <fondue/shared.h>

#include "copy.h"

FONDUE_SHARED int pot_hits = 1;
int own_library = 2;

int library_active(void)
{
	return fondue_active();
}

int library_hits(void)
{
	return pot_hits;
}
