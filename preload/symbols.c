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
#include "relocations.h"
#include "text.h"

struct check {
	const struct module *library;
	struct proof *proof;
	bool (*is_shared)(uintptr_t address);
};

static bool defines_shared(const struct check *check, const char *name)
{
	struct relocations r = relocations_of(check->library);
	size_t count = relocations_count_symbols(check->library);

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
		const ElfW(Sym) *symbol = relocation_symbol(&r, &r.first[i]);

		if (ELF64_R_TYPE(r.first[i].r_info) == R_COPY &&
			defines_shared(check, r.names + symbol->st_name)) {
			refuse(check, REASON_COPY_RELOCATION, r.names + symbol->st_name,
				program->base + r.first[i].r_offset);
			break;
		}
	}
	return 1; /* only the first object is the program */
}

/* Nobody has had time to change a slot. */
static void check_slots(struct check *check)
{
	const struct module *library = check->library;
	struct relocations r = relocations_of(library);

	for (size_t i = 0; i < r.count; i++) {
		const ElfW(Sym) *symbol = relocation_symbol(&r, &r.first[i]);
		uintptr_t address = library->base + symbol->st_value;
		uintptr_t bound;

		if (!relocation_is_address(&r.first[i]) ||
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
