/* SPDX-License-Identifier: MIT */
/*
 * symbols.c - an exported variable is where the loader bound it, not where it was defined
 *
 * Two ordinary mechanisms of ELF take a library's variable out of its section without a
 * word. A program that is not built with -fPIC gets its own copy (COPY relocation), which
 * everybody then uses. And the first definition of a name wins, so a private `hits` of
 * the program hides the library's. Sharing the dead original would be a silent lie; so
 * look at what the loader did: at the program's COPY relocations by name, and at the
 * library's own GOT slots and pointers by value.
 */
#include "symbols.h"
#include "text.h"

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

static struct relocations relocations_of(const struct module *module)
{
	struct relocations r = {
		.first = module_dynamic_pointer(module, DT_RELA),
		.symbols = module_dynamic_pointer(module, DT_SYMTAB),
		.names = module_dynamic_pointer(module, DT_STRTAB),
	};

	if (r.first && r.symbols && r.names)
		r.count = module_dynamic_value(module, DT_RELASZ) / sizeof(*r.first);
	return r;
}

struct check {
	const struct module *library;
	struct proof *proof;
	bool (*is_shared)(uintptr_t address);
};

/* Number of dynamic symbols: only the hash tables know it. */
static size_t symbol_count(const struct module *module)
{
	const uint32_t *hash = module_dynamic_pointer(module, DT_HASH);
	const uint32_t *gnu = module_dynamic_pointer(module, DT_GNU_HASH);
	const uint32_t *buckets, *chains;
	uint32_t last = 0;

	if (hash && !gnu)
		return hash[1];
	if (!gnu)
		return 0;
	/* header: buckets, first hashed symbol, Bloom words (of a pointer each), shift */
	buckets = gnu + 4 + gnu[2] * (sizeof(uintptr_t) / sizeof(*gnu));
	chains = buckets + gnu[0];
	for (uint32_t i = 0; i < gnu[0]; i++)
		if (buckets[i] > last)
			last = buckets[i];
	if (last < gnu[1])
		return gnu[1];
	while (!(chains[last - gnu[1]] & 1)) /* the last of a chain has its low bit set */
		last++;
	return last + 1;
}

static bool defines_shared(const struct check *check, const char *name)
{
	struct relocations r = relocations_of(check->library);
	size_t count = symbol_count(check->library);

	for (size_t i = 1; i < count; i++)
		if (r.symbols[i].st_shndx != SHN_UNDEF &&
			proof_holds(check->proof, check->library->base + r.symbols[i].st_value,
				check->library->base + r.symbols[i].st_value + 1) &&
			text_equals(r.names + r.symbols[i].st_name, name))
			return true;
	return false;
}

static void refuse(struct check *check, enum reason reason, const char *name, uintptr_t where)
{
	proof_refuse(check->proof, reason, NULL, where);
	check->proof->refusal.symbol = name;
}

static int check_program(const struct module *program, void *arg)
{
	struct relocations r = relocations_of(program);
	struct check *check = arg;

	for (size_t i = 0; i < r.count; i++) {
		const ElfW(Sym) *symbol = &r.symbols[ELF64_R_SYM(r.first[i].r_info)];

		if (ELF64_R_TYPE(r.first[i].r_info) == R_COPY &&
			defines_shared(check, r.names + symbol->st_name)) {
			refuse(check, REASON_COPY_RELOCATION, r.names + symbol->st_name,
				program->base + r.first[i].r_offset);
			break;
		}
	}
	return 1; /* only the first object is the program */
}

/* A slot of the GOT, or a pointer among the data. Nobody has had time to change either. */
static bool holds_address(uint32_t type)
{
	return type == R_GOT_SLOT || type == R_WORD;
}

static void check_slots(struct check *check)
{
	const struct module *library = check->library;
	struct relocations r = relocations_of(library);

	for (size_t i = 0; i < r.count; i++) {
		const ElfW(Sym) *symbol = &r.symbols[ELF64_R_SYM(r.first[i].r_info)];
		uintptr_t address = library->base + symbol->st_value;
		uintptr_t bound;

		if (!holds_address(ELF64_R_TYPE(r.first[i].r_info)) ||
			symbol->st_shndx == SHN_UNDEF || !proof_holds(check->proof, address, address + 1))
			continue;
		bound = *(const uintptr_t *)(library->base + r.first[i].r_offset);
		if (bound == address + r.first[i].r_addend || check->is_shared(bound))
			continue;
		refuse(check, REASON_INTERPOSED, r.names + symbol->st_name, bound);
		return;
	}
}

bool symbols_check(const struct module *module, struct proof *proof,
	bool (*is_shared)(uintptr_t address))
{
	struct check check = { .library = module, .proof = proof, .is_shared = is_shared };

	if (module->is_program || !module->dynamic)
		return true;
	modules_visit(check_program, &check);
	if (!proof->refusal.reason)
		check_slots(&check);
	return !proof->refusal.reason;
}
