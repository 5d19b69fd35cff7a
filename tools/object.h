/* SPDX-License-Identifier: MIT */
/*
 * object.h - an ELF file, reduced to the image that a proof needs, and some facts beside
 */
#pragma once

#include <gelf.h>
#include <sys/stat.h>

#include "../preload/proof.h"

enum libc { LIBC_NONE, LIBC_UNKNOWN, LIBC_GLIBC, LIBC_MUSL };

struct object {
	const char *path;
	int fd;
	Elf *elf;
	GElf_Ehdr header;
	size_t segment_count;	 /* in the file; the image may hold fewer */
	const char *interpreter; /* PT_INTERP, or NULL */
	GElf_Phdr dynamic;	 /* PT_DYNAMIC; p_filesz 0: none */
	bool has_tables;	 /* a section table, which only the proof does without */
	struct image image;	 /* at address 0, as in the file */
	bool is_annotated;	 /* there is a note, good or bad */
	bool has_runtime;	 /* libfondue.a is in it, or it is libfondue.so */
	struct proof proof;	 /* without a note: empty */
};

/*
 * object_open() - open @path, read the headers and the notes
 *
 * What is no regular file is not opened: a FIFO or a device could hang or do something.
 * Return: NULL, or why it cannot be examined; then nothing is to be closed.
 */
const char *object_open(struct object *object, const char *path);

/* Linked or not: only path, fd, elf and header are set. */
const char *object_open_any(struct object *object, const char *path);
void object_close(struct object *object);

/* Bytes of a page of the machine that it is for: this one, or the smallest usual. */
uint64_t object_page_size(const struct object *object);

/* Prove it anew for another page size; return whether every range is isolated. */
bool object_prove(struct object *object, uint64_t page_size);

/* Is it of this machine: architecture and class? */
bool object_is_native(const struct object *object);
/* "32-bit x86" and so on; never NULL. */
const char *object_machine(const struct object *object);

/* By the name of its interpreter, or of the libc it is linked with. */
enum libc object_libc(const struct object *object);
const char *libc_name(enum libc libc);

/* Static or static PIE: started without a loader, so nothing is preloaded. */
bool object_is_static(const struct object *object);

/* Is it linked with a library whose DT_NEEDED begins with @prefix? */
bool object_needs(const struct object *object, const char *prefix);
/* By what others name it in DT_NEEDED, or NULL. */
const char *object_soname(const struct object *object);
/* Value of a dynamic entry, 0 when absent. */
uint64_t object_dynamic_value(const struct object *object, int64_t tag);

/* Does it bring its own runtime, so that it needs no preload? */
bool object_has_runtime(const struct object *object);
