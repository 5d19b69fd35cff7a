/* SPDX-License-Identifier: MIT */
/*
 * plan-bytes.h - an object's file by address: what is loaded where, and what is code
 */
#pragma once

#include "../preload/plan.h"
#include "object.h"

struct extent {
	uint64_t start, end;
};

struct load {
	struct extent at;
	uint64_t file_end; /* behind it: zeros */
	uint64_t offset;
	uint32_t flags;
};

struct section_extent {
	struct extent at;
	const char *name;
	uint32_t type; /* SHT_* */
	bool is_code;
	bool is_writable;
};

struct bytes {
	const struct object *object;
	bool is_absolute; /* it is loaded where it was linked to: not position-independent */
	const uint8_t *file;
	size_t size;
	struct load *loads;
	size_t load_count;
	struct section_extent *sections; /* that are loaded */
	size_t section_count;
	struct extent code;  /* from the first executable section to the last */
	struct extent data;  /* from the first writable byte to the last */
	struct extent relro; /* read-only once the loader is done */
	uint8_t id[PLAN_ID_MAX];
	uint32_t id_size;
	bool is_in_place; /* nothing of it will move */
};

/* bytes_read() - Return: NULL, or why no plan can be made for such an object. */
const char *bytes_read(struct bytes *bytes, const struct object *object);

/* For a plan of pages: where addresses stay, code need not be known. */
const char *bytes_read_in_place(struct bytes *bytes, const struct object *object);

/* The @count bytes that the file has for @address; NULL when they are not all in it. */
const uint8_t *bytes_at(const struct bytes *bytes, uint64_t address, uint64_t count);
bool bytes_get32(const struct bytes *bytes, uint64_t address, int32_t *ret);
bool bytes_get64(const struct bytes *bytes, uint64_t address, uint64_t *ret);

/* The section that holds @address, or NULL. */
const struct section_extent *bytes_section(const struct bytes *bytes, uint64_t address);
bool bytes_is_code(const struct bytes *bytes, uint64_t address);
/* May the program store to these bytes once it runs? */
bool bytes_are_writable(const struct bytes *bytes, struct extent at);

static inline bool extent_holds(struct extent extent, uint64_t address)
{
	return extent.start <= address && address < extent.end;
}

static inline bool extents_meet(struct extent a, struct extent b)
{
	return a.start < b.end && b.start < a.end;
}
