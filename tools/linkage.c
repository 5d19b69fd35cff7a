/* SPDX-License-Identifier: MIT */
/*
 * linkage.c - an exported variable is where the loader will bind it
 *
 * The runtime finds out from what the loader has done (preload/symbols.c, which explains
 * the two traps). Here the same is foretold from the files: a COPY relocation of the
 * program takes a library's variable away, and so does a definition of the same name in
 * an object that is loaded before, if the library itself goes through its GOT to the
 * name.
 */
#include <stdlib.h>
#include <string.h>

#include "examine.h"
#include "memory.h"

static const struct machine {
	unsigned machine;
	unsigned copy; /* relocation type */
	unsigned got_slot;
	unsigned word; /* a pointer among the data */
} machines[] = {
	{ EM_X86_64, R_X86_64_COPY, R_X86_64_GLOB_DAT, R_X86_64_64 },
	{ EM_386, R_386_COPY, R_386_GLOB_DAT, R_386_32 },
	{ EM_AARCH64, R_AARCH64_COPY, R_AARCH64_GLOB_DAT, R_AARCH64_ABS64 },
	{ EM_RISCV, R_RISCV_COPY, R_RISCV_64, R_RISCV_64 },
	{ EM_PPC64, R_PPC64_COPY, R_PPC64_GLOB_DAT, R_PPC64_ADDR64 },
	{ EM_S390, R_390_COPY, R_390_GLOB_DAT, R_390_64 },
};

static const struct machine *machine_of(const struct object *object)
{
	for (size_t i = 0; i < FONDUE_COUNT(machines); i++)
		if (machines[i].machine == object->header.e_machine)
			return &machines[i];
	return NULL;
}

/* A name that another object may take away from a library. */
struct exported {
	const char *name;
	uint64_t bound;	 /* where a definition before it lies */
	bool is_slotted; /* the library goes through its GOT or a pointer to it */
	bool is_copied;
	bool is_bound;	   /* there is a definition before it... */
	bool bound_shared; /* ...that is shared */
};

struct exports {
	struct exported *list;
	size_t count;
};

typedef void symbol_visit(const char *name, const GElf_Sym *symbol, void *arg);

static void visit_dynamic_symbols(
	const struct object *object, symbol_visit *visit, void *arg)
{
	GElf_Shdr header;
	GElf_Sym symbol;

	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(object->elf, scn));) {
		Elf_Data *data;

		if (!gelf_getshdr(scn, &header) || header.sh_type != SHT_DYNSYM)
			continue;
		data = elf_getdata(scn, NULL);
		for (int i = 1; data && gelf_getsym(data, i, &symbol); i++) {
			const char *name =
				elf_strptr(object->elf, header.sh_link, symbol.st_name);

			if (name && GELF_ST_BIND(symbol.st_info) != STB_LOCAL)
				visit(name, &symbol, arg);
		}
		return; /* there is but one */
	}
}

typedef void relocation_visit(
	unsigned type, uint64_t offset, const char *name, void *arg);

static void visit_table(const struct object *object, const GElf_Shdr *header,
	Elf_Data *table, relocation_visit *visit, void *arg)
{
	Elf_Scn *symbols_scn = elf_getscn(object->elf, header->sh_link);
	Elf_Data *symbols = symbols_scn ? elf_getdata(symbols_scn, NULL) : NULL;
	GElf_Shdr symbols_header;

	if (!symbols || !gelf_getshdr(symbols_scn, &symbols_header) ||
		symbols_header.sh_type != SHT_DYNSYM)
		return;
	for (int i = 0;; i++) {
		GElf_Rela rela;
		GElf_Rel rel;
		GElf_Sym symbol;
		const char *name;

		if (header->sh_type == SHT_RELA) {
			if (!gelf_getrela(table, i, &rela))
				return;
		} else {
			if (!gelf_getrel(table, i, &rel))
				return;
			rela = (GElf_Rela){ .r_offset = rel.r_offset,
				.r_info = rel.r_info };
		}
		if (!gelf_getsym(symbols, (int)GELF_R_SYM(rela.r_info), &symbol))
			continue;
		name = elf_strptr(object->elf, symbols_header.sh_link, symbol.st_name);
		if (name)
			visit((unsigned)GELF_R_TYPE(rela.r_info), rela.r_offset, name,
				arg);
	}
}

/* An object has two of them; a damaged one may have thousands that are one. */
#define TABLES_MAX 16

static void visit_relocations(
	const struct object *object, relocation_visit *visit, void *arg)
{
	unsigned tables = 0;
	GElf_Shdr header;

	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(object->elf, scn));) {
		Elf_Data *data;

		if (!gelf_getshdr(scn, &header) || !(header.sh_flags & SHF_ALLOC) ||
			(header.sh_type != SHT_RELA && header.sh_type != SHT_REL))
			continue;
		data = elf_getdata(scn, NULL);
		if (data && tables++ < TABLES_MAX)
			visit_table(object, &header, data, visit, arg);
	}
}

struct search {
	struct exports *exports;
	const struct subject *subject; /* whose symbols are being read */
	const struct machine *machine;
};

static int by_name(const void *a, const void *b)
{
	const struct exported *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct exported *find_export(const struct exports *exports, const char *name)
{
	struct exported key = { .name = name };

	if (!exports->count)
		return NULL;
	return bsearch(&key, exports->list, exports->count, sizeof(key), by_name);
}

static bool is_definition(const GElf_Sym *symbol)
{
	return symbol->st_shndx != SHN_UNDEF &&
	       GELF_ST_VISIBILITY(symbol->st_other) == STV_DEFAULT;
}

static void collect_export(const char *name, const GElf_Sym *symbol, void *arg)
{
	struct search *search = arg;
	struct exports *exports = search->exports;

	if (!is_definition(symbol) || !proof_holds(&search->subject->object.proof,
					      symbol->st_value, symbol->st_value + 1))
		return;
	exports->list =
		memory_grow(exports->list, exports->count, sizeof(*exports->list));
	exports->list[exports->count++] = (struct exported){ .name = name };
}

static void find_slot(unsigned type, uint64_t offset, const char *name, void *arg)
{
	struct search *search = arg;
	struct exported *exported = find_export(search->exports, name);

	(void)offset;
	if (exported &&
		(type == search->machine->got_slot || type == search->machine->word))
		exported->is_slotted = true;
}

static void find_copy(unsigned type, uint64_t offset, const char *name, void *arg)
{
	struct search *search = arg;
	struct exported *exported = find_export(search->exports, name);

	if (!exported || type != search->machine->copy)
		return;
	exported->is_copied = true;
	exported->bound = offset;
}

static void find_definition(const char *name, const GElf_Sym *symbol, void *arg)
{
	struct search *search = arg;
	struct exported *exported = find_export(search->exports, name);

	if (!exported || exported->is_copied || exported->is_bound ||
		!is_definition(symbol))
		return;
	exported->is_bound = true;
	exported->bound = symbol->st_value;
	exported->bound_shared = search->subject->verdict == VERDICT_SHARED &&
				 proof_holds(&search->subject->object.proof,
					 symbol->st_value, symbol->st_value + 1);
}

static void complain(struct subject *subject, const struct exported *exported,
	const struct subject *other, enum reason reason)
{
	problem_add_refusal(&subject->problems,
		&(struct refusal){ .reason = reason,
			.symbol = exported->name,
			.value = exported->bound },
		memory_format(", in %s", other->object.path));
}

static void check_before(struct subject *subject, struct exports *exports,
	const struct subject *other, bool is_program)
{
	struct search search = {
		.exports = exports,
		.subject = other,
		.machine = machine_of(&other->object),
	};

	if (is_program && search.machine)
		visit_relocations(&other->object, find_copy, &search);
	visit_dynamic_symbols(&other->object, find_definition, &search);
	for (size_t i = 0; i < exports->count; i++) {
		struct exported *exported = &exports->list[i];

		if (exported->is_copied && is_program)
			complain(subject, exported, other, REASON_COPY_RELOCATION);
		else if (exported->is_bound && exported->is_slotted &&
			 !exported->bound_shared)
			complain(subject, exported, other, REASON_INTERPOSED);
		else
			continue;
		exported->is_slotted = false; /* said */
	}
}

static void check_library(struct examination *examination, size_t index)
{
	struct subject *subject = &examination->subjects[index];
	struct exports exports = { 0 };
	struct search search = {
		.exports = &exports,
		.subject = subject,
		.machine = machine_of(&subject->object),
	};

	if (!search.machine || !subject->object.is_annotated)
		return;
	visit_dynamic_symbols(&subject->object, collect_export, &search);
	if (!exports.count)
		return;
	qsort(exports.list, exports.count, sizeof(*exports.list), by_name);
	visit_relocations(&subject->object, find_slot, &search);
	for (size_t i = 0; i < index; i++)
		check_before(subject, &exports, &examination->subjects[i], i == 0);
}

void linkage_check(struct examination *examination)
{
	for (size_t i = 1; i < examination->count; i++)
		check_library(examination, i);
}
