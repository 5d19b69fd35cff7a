/* SPDX-License-Identifier: MIT */
/*
 * object.h - annotated objects made by hand, in memory
 *
 * What the loader would have mapped: pages, program headers, a note, a binding, and on
 * demand a symbol table with relocations. The rooms cannot tell the difference once their
 * walk is object_walk() (modules_set_walk()), and a test can make any mistake a linker
 * would make, in one assignment.
 *
 *	page	 0	note (read only for the program headers; really writable)
 *	page	 1	private data, the binding among them
 *	pages	 2, 3	section shared
 *	page	 4	private data; the file ends in its middle
 *	pages	 5, 6	section shared_zero
 *	page	 7	private data
 *	pages	 8..11	dynamic section, symbols, relocations: see object_put()
 *
 * All but the pages of shared_zero hold a pattern: object_byte().
 */
#pragma once

#include <fondue/shared.h>

#include "modules.h"
#include "unit.h"
#include "wire.h"

#define OBJECT_PAGES	  12
#define OBJECT_TABLES	  8 /* first page of the tables */
#define OBJECT_PHDRS_MAX  80
#define OBJECT_DYNAMIC_MAX 16

/* What a page is for. */
enum {
	PAGE_NOTE = 0,
	PAGE_BEFORE = 1,
	PAGE_SHARED = 2,
	PAGE_BETWEEN = 4,
	PAGE_ZERO = 5,
	PAGE_BEHIND = 7,
};

struct object {
	const char *name;
	uint8_t *pages;
	ElfW(Phdr) phdr[OBJECT_PHDRS_MAX];
	unsigned phnum;
	struct note note;		/* object_write_note() after a change */
	struct fondue_binding *binding; /* in PAGE_BEFORE */
	size_t put;			/* bytes of the tables in use */
	ElfW(Dyn) *dynamic;		/* NULL: none */
	unsigned dynamic_count;
};

/* An ordinary object, correct in all parts, not yet in the list of the loaded. */
void object_make(struct object *object, const char *name);

/* The objects that object_walk() visits, in order; the first is the program. */
void object_load(struct object *object);
int object_walk(int (*visit)(struct dl_phdr_info *, size_t, void *), void *arg);

/* As modules_visit() would describe it. */
struct module object_module(const struct object *object);

/* The address of a byte, or of a page. */
uint64_t object_at(const struct object *object, unsigned page);
/* The header number @index of type @type. */
ElfW(Phdr) *object_phdr(struct object *object, uint32_t type, unsigned index);
/* One more header, for @size bytes from the start of @page. */
ElfW(Phdr) *object_add_phdr(struct object *object, uint32_t type, unsigned page, size_t size);

/* Write the note again, @place bytes into its page, and nothing else there. */
void object_write_note(struct object *object, size_t place);

/* Does every byte have the value it was made with? A page of @except may differ; -1: none. */
bool object_is_whole(const struct object *object, int except);
uint8_t object_byte(unsigned page, size_t offset);

/*
 * object_sharing() - which pages does a forked child share with us?
 *
 * Return: one letter a page, 's'hared or 'p'rivate; the contents are as before afterwards.
 */
const char *object_sharing(const struct object *object);
/* What it returns for an object that is shared as it should be, and for one that is not. */
extern const char object_shared[], object_private[];

/* Copy @size bytes into the tables. Return: where they are. */
void *object_put(struct object *object, const void *bytes, size_t size);
/* Add an entry to the dynamic section, which is made if need be. */
void object_put_dynamic(struct object *object, int64_t tag, uint64_t value);

struct object_symbol {
	const char *name;
	uint64_t address; /* 0: undefined here; those first */
};

/* Symbols with indices from 1, and a hash table of either style, or of both. */
enum { HASH_SYSV = 1, HASH_GNU = 2 };
void object_put_symbols(
	struct object *object, const struct object_symbol *symbols, unsigned count, int hashes);

struct object_relocation {
	uint32_t type;
	unsigned symbol;
	uint64_t address;
	int64_t addend;
};

void object_put_relocations(
	struct object *object, const struct object_relocation *relocations, unsigned count);
