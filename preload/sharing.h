/* SPDX-License-Identifier: MIT */
/*
 * sharing.h - is an address in memory that is shared, and which memory is that?
 */
#pragma once

#include "base.h"

struct sharing {
	uintptr_t start, end;	 /* of the mapping, in this process */
	uint64_t device, inode;	 /* of what is mapped; the same for all who share it */
	uint64_t offset;	 /* of the byte at `start` */
	bool shared;
};

/*
 * sharing_read() - the mapping that @address lies in, as the kernel tells it
 *
 * Reads /proc/self/maps from its beginning: some 100 us in a process of some size.
 * Async-signal-safe. Return: false: nothing is mapped there, or the kernel does not tell.
 */
bool sharing_read(uintptr_t address, struct sharing *ret);

/* One line of /proc/PID/maps, ended by a newline. Return: false: it is none. */
bool sharing_parse(const char *line, struct sharing *ret);

/*
 * struct sharing_cache - what was read, for those who ask often
 *
 * For the mappings of one process: memory anew in a child. Zeroed, it is empty. What is in
 * it stays true as long as nothing else is mapped in the same place.
 */
#define SHARING_CACHED 64
struct sharing_cache {
	_Atomic uint32_t used;
	_Atomic uint32_t writing; /* somebody, or whom a signal handler has interrupted */
	struct sharing entries[SHARING_CACHED];
};

/* As sharing_read(). */
bool sharing_find(struct sharing_cache *cache, uintptr_t address, struct sharing *ret);
