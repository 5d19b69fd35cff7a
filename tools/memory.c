/* SPDX-License-Identifier: MIT */
/*
 * memory.c - lists double, and nothing else is to be known about them
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "say.h"

int memory_failure_status = 1;

static void *checked(void *memory)
{
	if (memory)
		return memory;
	say("out of memory");
	exit(memory_failure_status);
}

void *memory_get(size_t size)
{
	return checked(calloc(1, size ? size : 1));
}

char *memory_copy(const char *text)
{
	return checked(strdup(text));
}

char *memory_format(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return checked(text);
}

void *memory_grow(void *list, size_t count, size_t size)
{
	if (count & (count - 1))
		return list; /* no power of two: there is room left */
	return checked(reallocarray(list, count ? 2 * count : 1, size));
}
