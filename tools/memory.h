/* SPDX-License-Identifier: MIT */
/*
 * memory.h - allocation that succeeds, or ends the command with a message
 *
 * A command looks at a few files and ends; what lives as long as the command is never
 * freed. What a damaged file could multiply is bounded where it is read.
 */
#pragma once

#include <stddef.h>

/* The status with which to end; set once by main(). */
extern int memory_failure_status;

void *memory_get(size_t size); /* all zero */
char *memory_copy(const char *text);
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * memory_grow() - room for one more element behind the @count that are there
 *
 *	list = memory_grow(list, count, sizeof(*list));
 *	list[count++] = element;
 */
void *memory_grow(void *list, size_t count, size_t size);
