/* SPDX-License-Identifier: MIT */
/*
 * target.h - the code and the tables of a process, read from outside
 *
 * What a stack means is told by the objects that are mapped in its process: their unwind
 * tables, their build-ids. Here they are read, page by page, and never mapped: the file may
 * be cut short at any time, and a mapping of it would end the host with SIGBUS.
 */
#pragma once

#include "mappings.h"

#define TARGET_PAGE  4096 /* what is read at a time, whatever the size of a real one */
#define TARGET_PAGES 32

struct target_page {
	uintptr_t address;
	bool filled;
	bool is_there; /* or nothing could be read at this address */
	unsigned char bytes[TARGET_PAGE];
};

/* Large, as `struct mappings` is. */
struct target {
	pid_t pid;
	bool is_closed; /* its memory may not be read: the files must do */
	struct target_page pages[TARGET_PAGES];
	struct mappings maps;
};

/* Begin: read its mappings. @target is zeroed memory. Return: as mappings_read(). */
int target_open(struct target *target, pid_t pid);

/*
 * target_read() - copy bytes of mapped files and of code, and of nothing else
 *
 * From the memory of the process where that is allowed, else from the file, if it is still
 * the one that was mapped. Return: false when not all of the bytes can be had.
 */
bool target_read(struct target *target, uintptr_t address, void *bytes, size_t size);

/* May a thread of it have its program counter there? */
bool target_is_code(const struct target *target, uintptr_t address);

/* Read @size bytes of this or another process. Return: how many at its start, or negative. */
long target_copy(pid_t pid, uintptr_t address, void *bytes, size_t size);
