/* SPDX-License-Identifier: MIT */
/*
 * maps.h - what another process has mapped where: /proc/TID/maps
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping {
	uint64_t start;
	uint64_t end;
	uint64_t offset; /* of start, in what is mapped */
	uint64_t device; /* as makedev(3) has it */
	uint64_t inode;	 /* 0: nothing but memory, the process's own */
	bool is_shared;
	bool is_writable;
	bool is_executable;
	char *path; /* "" when there is none */
};

struct maps {
	struct mapping *list; /* by address */
	size_t count;
};

/* Return: 0, or an errno value. */
int maps_read(struct maps *maps, pid_t tid);
void maps_free(struct maps *maps);

/* NULL: nothing is there. */
const struct mapping *maps_at(const struct maps *maps, uint64_t address);

/* Shared, and without a name: as the runtime makes all its memory. */
bool mapping_is_anonymous(const struct mapping *mapping);
