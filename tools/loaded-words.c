/* SPDX-License-Identifier: MIT */
/*
 * loaded-words.c - relocations tell what in the data is an address, and whose
 *
 * In a position-independent object each word that holds an address has a relocation, one by
 * one or, in SHT_RELR, as a bit of a map. A program with a fixed address has none where the
 * linker knew the address: there a word counts that looks like an address in the program.
 * And by a COPY relocation a library's variable has its place among the program's, so
 * that code which was compiled for a variable of its own finds it: `stdout`, for one.
 */
#include <stdlib.h>
#include <string.h>

#include "loaded-words.h"
#include "memory.h"

/* Of a damaged file */
#define ENTRIES_MAX 4000000

#ifndef SHT_RELR
#define SHT_RELR 19
#endif

struct reader {
	struct loaded_words *words;
	const struct bytes *bytes;
	Elf *elf;
	size_t entries;
};

static void add_pointer(struct reader *reader, uint64_t address)
{
	struct loaded_words *words = reader->words;

	if (!extent_holds(reader->bytes->data, address) || reader->entries++ > ENTRIES_MAX)
		return;
	words->pointers =
		memory_grow(words->pointers, words->pointer_count, sizeof(*words->pointers));
	words->pointers[words->pointer_count++] = address;
}

/* The library's name stands with the version that the symbol needs. */
static const char *name_of_version(const struct reader *reader, Elf_Scn *scn, unsigned version)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Verneed need;
	GElf_Vernaux aux;
	GElf_Shdr header;
	int at = 0;

	if (!data || !gelf_getshdr(scn, &header))
		return NULL;
	for (unsigned i = 0; i < header.sh_info && gelf_getverneed(data, at, &need); i++) {
		int inner = at + (int)need.vn_aux;

		for (unsigned j = 0; j < need.vn_cnt && gelf_getvernaux(data, inner, &aux);
			j++) {
			if (aux.vna_other == version)
				return elf_strptr(reader->elf, header.sh_link, need.vn_file);
			inner += (int)aux.vna_next;
		}
		at += (int)need.vn_next;
	}
	return NULL;
}

static Elf_Scn *find_section(const struct reader *reader, uint32_t type)
{
	GElf_Shdr header;

	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(reader->elf, scn));)
		if (gelf_getshdr(scn, &header) && header.sh_type == type)
			return scn;
	return NULL;
}

static const char *library_of(const struct reader *reader, size_t symbol)
{
	Elf_Scn *versions = find_section(reader, SHT_GNU_versym);
	Elf_Scn *needs = find_section(reader, SHT_GNU_verneed);
	Elf_Data *data = versions ? elf_getdata(versions, NULL) : NULL;
	GElf_Versym version;

	if (!data || !needs || !gelf_getversym(data, (int)symbol, &version) || version < 2)
		return NULL;
	return name_of_version(reader, needs, version & 0x7fff);
}

static void add_copy(struct reader *reader, const GElf_Rela *rela, uint32_t symbols)
{
	struct loaded_words *words = reader->words;
	Elf_Scn *scn = elf_getscn(reader->elf, symbols);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	GElf_Shdr header;
	GElf_Sym symbol;

	if (!data || !gelf_getshdr(scn, &header) ||
		!gelf_getsym(data, (int)GELF_R_SYM(rela->r_info), &symbol) ||
		reader->entries++ > ENTRIES_MAX)
		return;
	words->copies = memory_grow(words->copies, words->copy_count, sizeof(*words->copies));
	words->copies[words->copy_count++] =
		(struct copied){ .at = { rela->r_offset, rela->r_offset + symbol.st_size },
			.name = elf_strptr(reader->elf, header.sh_link, symbol.st_name),
			.library = library_of(reader, GELF_R_SYM(rela->r_info)) };
}

static void read_rela(struct reader *reader, Elf_Data *data, uint32_t symbols)
{
	GElf_Rela rela;

	for (int i = 0; gelf_getrela(data, i, &rela); i++) {
		if (GELF_R_TYPE(rela.r_info) == R_X86_64_COPY)
			add_copy(reader, &rela, symbols);
		else if (GELF_R_TYPE(rela.r_info) != R_X86_64_NONE)
			add_pointer(reader, rela.r_offset);
	}
}

/* An address, then maps of the 63 words behind what was last told of. */
static void read_relr(struct reader *reader, const GElf_Shdr *header)
{
	uint64_t next = 0, entry;

	for (uint64_t at = 0; at + 8 <= header->sh_size; at += 8) {
		if (!bytes_get64(reader->bytes, header->sh_addr + at, &entry))
			return;
		if (!(entry & 1)) {
			add_pointer(reader, entry);
			next = entry + 8;
			continue;
		}
		for (unsigned bit = 1; bit < 64; bit++)
			if (entry >> bit & 1)
				add_pointer(reader, next + 8 * (bit - 1));
		next += 63 * 8;
	}
}

static void read_relocations(struct reader *reader)
{
	GElf_Shdr header;

	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(reader->elf, scn));) {
		Elf_Data *data;

		if (!gelf_getshdr(scn, &header) || !(header.sh_flags & SHF_ALLOC))
			continue;
		data = header.sh_type == SHT_RELA ? elf_getdata(scn, NULL) : NULL;
		if (data)
			read_rela(reader, data, header.sh_link);
		else if (header.sh_type == SHT_RELR)
			read_relr(reader, &header);
	}
}

static bool is_in_object(const struct bytes *bytes, uint64_t address)
{
	for (size_t i = 0; i < bytes->load_count; i++)
		if (extent_holds(bytes->loads[i].at, address))
			return true;
	return false;
}

static void look_for_addresses(struct reader *reader)
{
	const struct bytes *bytes = reader->bytes;
	uint64_t value;

	for (uint64_t at = (bytes->data.start + 7) & ~(uint64_t)7; at < bytes->data.end;
		at += 8)
		if (bytes_get64(bytes, at, &value) && value && is_in_object(bytes, value))
			add_pointer(reader, at);
}

static int by_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void loaded_words_read(struct loaded_words *ret, const struct bytes *bytes)
{
	struct reader reader = { .words = ret, .bytes = bytes, .elf = bytes->object->elf };

	*ret = (struct loaded_words){ 0 };
	read_relocations(&reader);
	if (bytes->object->header.e_type == ET_EXEC)
		look_for_addresses(&reader);
	if (ret->pointer_count)
		qsort(ret->pointers, ret->pointer_count, sizeof(*ret->pointers), by_address);
}

static size_t first_at(const struct loaded_words *words, uint64_t address)
{
	size_t low = 0, high = words->pointer_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (words->pointers[middle] < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t loaded_words_count(const struct loaded_words *words, struct extent at)
{
	return first_at(words, at.end) - first_at(words, at.start);
}

const struct copied *loaded_words_copy(const struct loaded_words *words, uint64_t address)
{
	for (size_t i = 0; i < words->copy_count; i++)
		if (words->copies[i].at.start == address)
			return &words->copies[i];
	return NULL;
}
