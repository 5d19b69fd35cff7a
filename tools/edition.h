/* SPDX-License-Identifier: MIT */
/*
 * edition.h - the very build of a program or library that a report speaks of
 */
#pragma once

#include "naming.h"

/* Beside the places that a report names, and those where a system has such files. */
struct edition_places {
	const char *sysroot;	/* that paths are below; or NULL */
	const char **debug_dirs; /* with a directory .build-id in each */
	size_t debug_dir_count;
	bool asks_network; /* debuginfod(8) */
};

struct edition {
	const char *path, *build_id; /* as reported; the build-id may be NULL */
	bool is_usable;		     /* else nothing below is to be had, but why */
	bool is_verified;	     /* false: there are no build-ids to tell by */
	const char *why; /* it is not here, or not in full, and what to do; or NULL */
	struct object object;
	struct debuginfo debuginfo;
	struct naming naming;
};

/* Before the first one is wanted; @places is kept. */
void edition_look_in(const struct edition_places *places);

/*
 * edition_get() - find it, once
 * @build_id: hexadecimal; what is none is taken for NULL
 */
const struct edition *edition_get(const char *path, const char *build_id);
