/* SPDX-License-Identifier: MIT */
/*
 * relocations.h - what the loader has written into an object, and the names that it went by
 */
#pragma once

#include "modules.h"

#if defined(__x86_64__)
#define R_COPY	   R_X86_64_COPY
#define R_GOT_SLOT R_X86_64_GLOB_DAT
#define R_WORD     R_X86_64_64
#elif defined(__aarch64__)
#define R_COPY	   R_AARCH64_COPY
#define R_GOT_SLOT R_AARCH64_GLOB_DAT
#define R_WORD     R_AARCH64_ABS64
#elif defined(__riscv)
#define R_COPY	   R_RISCV_COPY
#define R_GOT_SLOT R_RISCV_64
#define R_WORD     R_RISCV_64
#elif defined(__powerpc64__)
#define R_COPY	   R_PPC64_COPY
#define R_GOT_SLOT R_PPC64_GLOB_DAT
#define R_WORD     R_PPC64_ADDR64
#elif defined(__s390x__)
#define R_COPY	   R_390_COPY
#define R_GOT_SLOT R_390_GLOB_DAT
#define R_WORD     R_390_64
#else
#error "name this target's COPY and GOT relocations"
#endif

/* All of these use relocations with addends (DT_RELA) only. */
struct relocations {
	const ElfW(Rela) *first;
	size_t count;
	const ElfW(Sym) *symbols;
	const char *names;
};

/*
 * Of an object without any: count 0. Those of slots that calls go through, which may be
 * bound at the first call, are apart.
 */
struct relocations relocations_of(const struct module *module);
struct relocations relocations_of_calls(const struct module *module);

static inline const ElfW(Sym) *relocation_symbol(
	const struct relocations *r, const ElfW(Rela) *relocation)
{
	return &r->symbols[ELF64_R_SYM(relocation->r_info)];
}

/* Of a slot of the GOT, or a pointer among the data, that holds a symbol's address. */
static inline bool relocation_is_address(const ElfW(Rela) *relocation)
{
	uint32_t type = ELF64_R_TYPE(relocation->r_info);

	return type == R_GOT_SLOT || type == R_WORD;
}

/* Is @library one of those that @user was linked with? Then it was initialised before. */
bool relocations_need(const struct module *user, const struct module *library);

/*
 * All dynamic symbols of @module from here on are defined; only a program that is not
 * position independent may have others among them. SIZE_MAX: it is not known.
 */
size_t relocations_first_defined(const struct module *module);

/* The version of dynamic symbol @symbol that @module needs; NULL: it needs none. */
const char *relocations_version(const struct module *module, size_t symbol);

/* Number of dynamic symbols of @module: only its hash tables know it. */
size_t relocations_count_symbols(const struct module *module);
