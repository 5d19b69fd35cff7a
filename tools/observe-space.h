/* SPDX-License-Identifier: MIT */
/*
 * observe-space.h - the address space of a process at one moment
 */
#pragma once

#include "observe-object.h"

struct stretch {
	uint64_t start, end;
	enum seen_class class;
};

/* An object that is loaded: whole pages, gaps included. */
struct loaded {
	struct observed *object;
	uint64_t bias; /* of addresses in the process against those in the file */
	uint64_t start, end;
};

/* Pages of variables: of one segment, private, writable, and without a gap. */
struct area {
	struct observed *object;
	uint64_t bias;
	uint64_t start, end;
};

struct space {
	struct stretch *stretches; /* by address */
	size_t stretch_count;
	struct loaded *loaded;
	size_t loaded_count;
	struct area *areas;
	size_t area_count;
};

/* Return: could it be read? Else nothing is to be freed. */
bool space_read(struct space *space, pid_t tid);
void space_free(struct space *space);

enum seen_class space_class(const struct space *space, uint64_t address);

/* The object around @address, or NULL. */
const struct loaded *space_loaded(const struct space *space, uint64_t address);
