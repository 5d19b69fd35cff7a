/* SPDX-License-Identifier: MIT */
/*
 * modules.h - the objects of this process, as the loader sees them
 */
#pragma once

#include <link.h>

#include "proof.h"

struct module {
	const char *name; /* path; of the program as it was executed */
	bool is_program;  /* the main program, always the first visited */
	uintptr_t base;
	const ElfW(Phdr) *phdr;
	unsigned phnum;
	const ElfW(Dyn) *dynamic; /* NULL in static programs */
};

/*
 * modules_set_walk() - what to walk with instead of the dl_iterate_phdr() we are bound to
 *
 * That one may be a sanitizer's, which is not ready when our constructor runs. NULL: keep.
 */
typedef int modules_walk(int (*)(struct dl_phdr_info *, size_t, void *), void *);
void modules_set_walk(modules_walk *walk);

/*
 * modules_visit() - call @visit for each object, in load order, until it returns non-zero
 *
 * The loader's lock is held only to read its list, and not while @visit runs: so @visit may
 * take other locks. It must be clear to the caller that no object vanishes meanwhile: at
 * start, and in a constructor, which dlopen() calls. Not async-signal-safe.
 */
int modules_visit(int (*visit)(const struct module *module, void *arg), void *arg);

/*
 * modules_visit_held() - the same, with the loader's lock held meanwhile
 *
 * So no object vanishes, whenever it is called; and @visit may not ask the loader for anything,
 * nor wait for anybody.
 */
int modules_visit_held(int (*visit)(const struct module *module, void *arg), void *arg);

/* How often the loader has loaded something: of use to see whether there is anything new. */
uint64_t modules_count_loads(void);

/*
 * Is it libc, the loader or us, whose code has run before any other? Libc is known by some
 * of its functions; a program that defines one itself is not taken for it.
 */
bool module_is_underneath(const struct module *module);

/* Or are we in a namespace of our own, made by dlmopen(), which the program is not in? */
bool modules_are_the_programs(void);

/*
 * module_prove() - read the notes of @module and judge it
 * @ret_image: filled only when there is a note
 *
 * Return: false when there is no note of ours: nothing to do, the usual case. Otherwise
 * @ret_proof is finished: its refusal tells the result.
 */
bool module_prove(const struct module *module, struct image *ret_image,
	struct proof *ret_proof);

/* Was part of it compiled with <fondue/spinlock.h>? */
bool module_has_locks(const struct module *module);
/* ... with <fondue/heap.h>? */
bool module_has_heap(const struct module *module);

/* The segment of @module of this type that holds all of [address, address + size), or NULL. */
const ElfW(Phdr) *module_segment(
	const struct module *module, uint32_t type, uintptr_t address, size_t size);

/* May it be executed, and not be written to? @p may be NULL. */
static inline bool segment_is_code(const ElfW(Phdr) *p)
{
	return p && (p->p_flags & PF_X) && !(p->p_flags & PF_W);
}

/* The build-id of @module, in its memory, or NULL. */
const uint8_t *module_build_id(const struct module *module, uint32_t *ret_size);

/* Value of a dynamic entry, 0 when absent; of those that are addresses, made absolute. */
uint64_t module_dynamic_value(const struct module *module, int64_t tag);
const void *module_dynamic_pointer(const struct module *module, int64_t tag);
