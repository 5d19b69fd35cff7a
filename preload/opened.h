/* SPDX-License-Identifier: MIT */
/*
 * opened.h - read-only pages of objects that are writable for a moment
 */
#pragma once

#include "modules.h"

/* Pages that the loader has made read-only, of one object, and what they are otherwise. */
struct region {
	struct module of;
	uintptr_t start, end;
	int protection;
	bool is_code;
	uint64_t file_offset;
};

/* One for code, one for RELRO and one for symbols, of each object that uses the variables. */
#define REGIONS_MAX 64

struct opened {
	size_t page_size;
	unsigned count;
	struct region regions[REGIONS_MAX];
};

void opened_begin(struct opened *opened, size_t page_size);

/*
 * Is what @address lies in, in @module, as it is to stay? Not while another thread loads
 * the module: the loader still writes to what it makes read-only in the end.
 */
bool opened_is_settled(const struct opened *opened, const struct module *module,
	uintptr_t address, size_t size);

/*
 * opened_add() - what @address lies in, in @module, may be written to from now on
 *
 * Return: 0, also when it could be all the time; -ENOENT: the module has no such address;
 * -E2BIG: too many regions; or why not.
 */
long opened_add(struct opened *opened, const struct module *module, uintptr_t address,
	size_t size);

/* Is it in a region of code? */
bool opened_is_code(const struct opened *opened, uintptr_t address);

/*
 * opened_close_code(), opened_close_data() - as they were before, and changed
 *
 * Code that the kernel does not let be executed any more is replaced by the file's; then the
 * error is returned, and no code has been changed. (What cannot be put back either ends the process,
 * status 127: it would end with a fault, later.)
 */
long opened_close_code(struct opened *opened);
void opened_close_data(struct opened *opened);

/* All of them: nothing has been written. (What cannot be put back ends the process here, too.) */
void opened_close_unchanged(struct opened *opened);
