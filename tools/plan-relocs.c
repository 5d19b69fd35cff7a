/* SPDX-License-Identifier: MIT */
/*
 * plan-relocs.c - pointers in data, as the loader is told of them
 *
 * A position-independent object has no absolute address in its data but by a relocation:
 * RELATIVE, and its compact form RELR, for the object's own; 64 and GLOB_DAT for symbols,
 * which another object may define first. The tables are found as the loader finds them, by
 * PT_DYNAMIC; a section table could name others. Relocations of code are refused.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "plan-absolute.h"
#include "plan-calls.h"
#include "plan-relocs.h"

#define ENTRIES_MAX ((uint64_t)1 << 26)

#ifndef DT_RELR
#define DT_RELRSZ 35
#define DT_RELR	  36
#endif

struct table {
	uint64_t address, size;
};

struct reading {
	struct places *places;
	uint64_t symbols, strings, strings_size;
	bool is_damaged;
};

static void refuse_object(struct places *places, const char *cause)
{
	places_refuse(
		places, (struct refusal_of_plan){ .cause = cause,
				.cure = "rebuild it as compilers do by default, or annotate" });
}

static bool is_in_got(const struct places *places, uint64_t at)
{
	const struct section_extent *section = bytes_section(places->bytes, at);

	return section &&
	       (!strcmp(section->name, ".got") || !strcmp(section->name, ".got.plt"));
}

static void add_pointer(struct places *places, struct pointer pointer)
{
	pointer.is_got = is_in_got(places, pointer.at);
	places->pointers =
		memory_grow(places->pointers, places->pointer_count, sizeof(pointer));
	places->pointers[places->pointer_count++] = pointer;
}

static void add_import(struct places *places, uint64_t slot, const char *name)
{
	places->imports =
		memory_grow(places->imports, places->import_count, sizeof(*places->imports));
	places->imports[places->import_count++] = (struct import){ slot, name };
}

static const char *symbol_name(const struct reading *reading, const Elf64_Sym *symbol)
{
	const struct bytes *bytes = reading->places->bytes;
	uint64_t left = reading->strings_size;
	const uint8_t *text;

	if (symbol->st_name >= left)
		return NULL;
	left -= symbol->st_name;
	text = bytes_at(bytes, reading->strings + symbol->st_name, left);
	return text && memchr(text, '\0', left) ? (const char *)text : NULL;
}

static void read_named(struct reading *reading, const Elf64_Rela *rela)
{
	struct places *places = reading->places;
	uint64_t at = reading->symbols + ELF64_R_SYM(rela->r_info) * sizeof(Elf64_Sym);
	const uint8_t *entry = bytes_at(places->bytes, at, sizeof(Elf64_Sym));
	const char *name;
	Elf64_Sym symbol;

	if (!entry) {
		reading->is_damaged = true;
		return;
	}
	memcpy(&symbol, entry, sizeof(symbol));
	name = symbol_name(reading, &symbol);
	if (symbol.st_shndx == SHN_UNDEF && name)
		add_import(places, rela->r_offset, name);
	if (symbol.st_shndx == SHN_UNDEF || GELF_ST_TYPE(symbol.st_info) == STT_TLS)
		return;
	/* its own, of a name that tells nothing then: an err() may come back */
	if (name && bytes_is_code(places->bytes, symbol.st_value))
		add_import(places, rela->r_offset, calls_never_return(name) ? "" : name);
	add_pointer(places, (struct pointer){ .at = rela->r_offset,
				    .value = symbol.st_value + (uint64_t)rela->r_addend,
				    .symbol = symbol.st_value,
				    .is_named = true });
}

static void read_rela(struct reading *reading, const Elf64_Rela *rela)
{
	switch (ELF64_R_TYPE(rela->r_info)) {
	case R_X86_64_RELATIVE:
		add_pointer(reading->places, (struct pointer){ .at = rela->r_offset,
						     .value = (uint64_t)rela->r_addend });
		break;
	case R_X86_64_64:
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT:
		read_named(reading, rela);
		break;
	case R_X86_64_IRELATIVE:
		reading->places->symbols->has_resolvers = true;
		break;
	case R_X86_64_NONE:
	case R_X86_64_COPY:
	case R_X86_64_DTPMOD64:
	case R_X86_64_DTPOFF64:
	case R_X86_64_TPOFF64:
	case R_X86_64_TLSDESC:
		break; /* of no address of a variable, but of a library's or of a thread's */
	default:
		refuse_object(reading->places,
			memory_format("a relocation of type %lu at 0x%lx is not understood",
				(unsigned long)ELF64_R_TYPE(rela->r_info),
				(unsigned long)rela->r_offset));
	}
}

static void read_table(struct reading *reading, struct table table)
{
	uint64_t count = table.size / sizeof(Elf64_Rela);
	const uint8_t *at = bytes_at(reading->places->bytes, table.address, table.size);
	Elf64_Rela rela;

	if (!table.size)
		return;
	if (!at || count > ENTRIES_MAX) {
		reading->is_damaged = true;
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		memcpy(&rela, at + i * sizeof(rela), sizeof(rela));
		read_rela(reading, &rela);
	}
}

static void add_relative(struct reading *reading, uint64_t at)
{
	uint64_t value;

	if (bytes_get64(reading->places->bytes, at, &value))
		add_pointer(reading->places, (struct pointer){ .at = at, .value = value });
	else
		reading->is_damaged = true;
}

/* RELR: an even word is an address; an odd one a bit for each of the 63 words behind. */
static void read_relr(struct reading *reading, struct table table)
{
	uint64_t next = 0, word;

	for (uint64_t i = 0; i < table.size / 8 && !reading->is_damaged; i++) {
		if (!bytes_get64(reading->places->bytes, table.address + 8 * i, &word)) {
			reading->is_damaged = true;
			return;
		}
		if (!(word & 1)) {
			add_relative(reading, word);
			next = word + 8;
			continue;
		}
		for (unsigned bit = 1; bit < 64; bit++)
			if (word >> bit & 1)
				add_relative(reading, next + 8 * (bit - 1));
		next += 63 * 8;
	}
}

static struct table table_of(const struct object *object, int64_t start, int64_t size)
{
	return (struct table){ object_dynamic_value(object, start),
		object_dynamic_value(object, size) };
}

static int by_slot(const void *a, const void *b)
{
	const struct import *x = a, *y = b;

	return (x->slot > y->slot) - (x->slot < y->slot);
}

static bool is_stored_to(const struct places *places, uint64_t at)
{
	for (size_t i = 0; i < places->store_count; i++)
		if (places->stores[i] < at + 8 && at < places->stores[i] + 8)
			return true;
	return false;
}

/* Read-only once the loader is done; or a variable of its own that nobody ever changes. */
static bool is_constant(const struct places *places, const struct pointer *pointer)
{
	const struct datum *datum = symbols_datum(places->symbols, pointer->at);

	if (!bytes_are_writable(places->bytes, (struct extent){ pointer->at, pointer->at + 8 }))
		return true;
	return datum && datum->symbol && datum->at.start == pointer->at &&
	       datum->at.end == pointer->at + 8 && !datum->is_exported && !datum->taken &&
	       !is_stored_to(places, pointer->at);
}

static void mark_taken(struct places *places, uint64_t address)
{
	struct datum *datum = symbols_datum(places->symbols, address);

	if (datum)
		datum->taken++;
}

/* The one that points to itself. (Others may lie where they point to: behind an array.) */
static bool is_own_handle(const struct pointer *pointer, const struct datum *datum)
{
	return pointer->at == pointer->value && datum && datum->symbol &&
	       datum->at.start == pointer->value && !strcmp(datum->symbol, "__dso_handle");
}

/* A symbol is named; or the linker made the slot, for a symbol without any addend. */
static bool is_certain(const struct pointer *pointer, const struct datum *datum)
{
	return pointer->is_named || is_own_handle(pointer, datum) ||
	       (pointer->is_got && datum && datum->at.start == pointer->value);
}

static int by_place(const void *a, const void *b)
{
	const struct pointer *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

void relocs_make_roots(struct places *places)
{
	const struct extent data = places->bytes->data;

	if (places->pointer_count)
		qsort(places->pointers, places->pointer_count, sizeof(*places->pointers),
			by_place);
	for (size_t i = 0; i < places->pointer_count; i++)
		if (!is_own_handle(&places->pointers[i],
			    symbols_datum(places->symbols, places->pointers[i].value)))
			mark_taken(places, places->pointers[i].value);
	for (size_t i = 0; i < places->pointer_count; i++) {
		const struct pointer *pointer = &places->pointers[i];
		const struct datum *datum = symbols_datum(places->symbols, pointer->value);

		if (pointer->value + ROOT_REACH < data.start ||
			pointer->value > data.end + ROOT_REACH)
			continue;
		places_add_root(places,
			(struct root){ .at = pointer->at,
				.address = pointer->value,
				.is_certain = is_certain(pointer, datum),
				.may_be_number = pointer->may_be_number,
				.symbol = pointer->is_named ? pointer->symbol : pointer->value,
				.is_constant = is_constant(places, pointer),
				.is_visited = true,
				.uses = USE_ESCAPES });
	}
}

void relocs_read(struct places *places)
{
	const struct object *object = places->bytes->object;
	struct reading reading = { .places = places,
		.symbols = object_dynamic_value(object, DT_SYMTAB),
		.strings = object_dynamic_value(object, DT_STRTAB),
		.strings_size = object_dynamic_value(object, DT_STRSZ) };

	if (object_dynamic_value(object, DT_TEXTREL) ||
		object_dynamic_value(object, DT_FLAGS) & DF_TEXTREL)
		refuse_object(places, "the loader changes its code (DT_TEXTREL)");
	if (object_dynamic_value(object, DT_RELSZ))
		refuse_object(places, "it has relocations of a kind that x86-64 does not use");
	read_table(&reading, table_of(object, DT_RELA, DT_RELASZ));
	if (object_dynamic_value(object, DT_PLTREL) == DT_RELA)
		read_table(&reading, table_of(object, DT_JMPREL, DT_PLTRELSZ));
	read_relr(&reading, table_of(object, DT_RELR, DT_RELRSZ));
	if (reading.is_damaged)
		refuse_object(places, "its relocations are damaged");
	if (places->bytes->is_absolute)
		absolute_read_words(places);
	if (places->import_count)
		qsort(places->imports, places->import_count, sizeof(*places->imports), by_slot);
}
