/* SPDX-License-Identifier: MIT */
/*
 * killpoints-where.h - an address of this process, by object and function
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "function+0x1c (libfondue.so+0x5a3d)", as far as symbols are there. */
void where(uintptr_t address, char *text, size_t size);
/* Is it code of the runtime's, or of this program's? */
bool where_is_ours(uintptr_t address);
