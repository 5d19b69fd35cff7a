/* SPDX-License-Identifier: MIT */
/*
 * binary.h - a program or library of another process: where it is, which build, what tables
 */
#pragma once

#include "target.h"

#define BUILD_ID_MAX 32 /* bytes; a SHA-1 has 20 */

struct build_id {
	unsigned size; /* 0: it has none */
	unsigned char bytes[BUILD_ID_MAX];
};

struct binary {
	const char *path;	 /* of the file; "[vdso]" */
	uintptr_t start, end;	 /* what is mapped of it, gaps included */
	uintptr_t bias;		 /* what is added to the addresses in the file */
	uintptr_t code;		 /* where its first executable segment is; 0: it has none */
	uintptr_t data, data_end; /* what is writable of it, gaps included */
	uintptr_t entry;	 /* where a program begins; 0 in most libraries */
	uintptr_t table;	 /* of .eh_frame_hdr; 0: there is none */
	size_t table_size;
	uint64_t inode;
	bool deleted;		 /* see struct mapping */
	bool is_elf;		  /* false: all but the path is unknown */
	struct build_id build_id; /* of what is mapped */
	size_t head_size;	 /* bytes of the ELF header and the program headers */
};

/*
 * binary_read() - find out about the object that @address lies in
 *
 * Return: 0; -ENOENT when no file is mapped there; -ENOEXEC when it is not an ELF object of
 * ours, or cannot be read; then ret->path is set all the same.
 */
int binary_read(struct target *target, uintptr_t address, struct binary *ret);

/*
 * build_id_find() - look for a build-id in the bytes of a PT_NOTE segment
 *
 * Return: true when there is one, in @ret; else ret->size is 0.
 */
bool build_id_find(const void *bytes, size_t size, struct build_id *ret);

static inline bool build_id_equals(const struct build_id *a, const struct build_id *b)
{
	if (a->size != b->size)
		return false;
	for (unsigned i = 0; i < a->size; i++)
		if (a->bytes[i] != b->bytes[i])
			return false;
	return true;
}

/* Those that have been asked for, each read once. */
#define BINARIES_MAX 64

struct binaries {
	unsigned count;
	struct binary at[BINARIES_MAX];
};

/*
 * binaries_find() - the object that @address lies in
 *
 * Return: NULL when no file is mapped there, or when there are too many. Perhaps it is no ELF
 * object: ask is_elf. What is returned stays.
 */
const struct binary *binaries_find(struct binaries *binaries, struct target *target,
	uintptr_t address);

/*
 * binaries_find_data() - the program or library whose variables are at @address
 *
 * Though the pages there may be others by now, which come from no file: it is the object
 * around them that counts. Return: NULL unless that is certain: the headers say so, and its
 * code is where they want it.
 */
const struct binary *binaries_find_data(struct binaries *binaries, struct target *target,
	uintptr_t address);
