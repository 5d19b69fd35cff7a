/* SPDX-License-Identifier: MIT */
/*
 * observe-object.h - the objects that a family has mapped: which of their memory is variables
 */
#pragma once

#include "maps.h"
#include "naming.h"
#include "seen.h"

/* What the loader maps: addresses and offsets are those in the file, not yet rounded. */
struct load {
	uint64_t start, end;
	uint64_t offset, file_end; /* in the file; the address at which its bytes end */
	bool is_writable;
};

struct variables;

struct observed {
	struct observed *next;
	uint64_t device, inode;
	char *path;	  /* as the process sees it */
	bool is_good;	  /* an ELF object of this machine */
	bool is_left_out; /* nobody wants to share what is in it */
	struct object object;
	struct load *loads;
	unsigned load_count;
	uint64_t start, end;	    /* whole pages, from the first to the last */
	uint64_t got, got_end;	    /* which lazy binding writes */
	struct debuginfo debuginfo; /* see observed_debuginfo() */
	bool has_debuginfo;
	struct naming *naming;	     /* NULL: not yet wanted */
	struct variables *variables; /* of observe-symbols */
	size_t seen;		     /* its index there, or SEEN_NOBODY */
	bool is_needed;		     /* of observe-kind */
};

/* The object that @mapping shows, opened once; NULL: it shows no file. Never freed. */
struct observed *observed_get(const struct mapping *mapping, pid_t tid);

/* All that have been got, by their ->next. */
struct observed *observed_first(void);

/* Symbols and source places, looked for when they are first wanted. */
const struct debuginfo *observed_debuginfo(struct observed *observed);

/* "function (file.c:12)", or as much of it as is known of code at @address of the file. */
char *observed_code(struct observed *observed, uint64_t address);

/* Bytes of the page at @address as the loader would make it, before relocation. */
void observed_original(
	const struct observed *observed, uint64_t address, void *ret, size_t size);
