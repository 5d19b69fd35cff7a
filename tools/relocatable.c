/* SPDX-License-Identifier: MIT */
/*
 * relocatable.c - with -fdata-sections a section is a variable
 *
 * Such an object file has a section .bss.hits or .data.hits for each variable, statics of
 * functions included, and what it is called decides where the linker puts it. Here it is
 * only looked for, and made sure that the section holds nothing else and that its name is
 * nobody else's, for objcopy(1) takes all sections of a name.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "relocatable.h"

#define SHOWN_MAX 8

struct search {
	const struct object *object;
	Elf_Data *symbols;
	size_t strings; /* section of the symbols' names */
	size_t section_names;
};

static bool find_symbols(struct search *search)
{
	GElf_Shdr header;

	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(search->object->elf, scn));)
		if (gelf_getshdr(scn, &header) && header.sh_type == SHT_SYMTAB) {
			search->symbols = elf_getdata(scn, NULL);
			search->strings = header.sh_link;
		}
	return search->symbols &&
	       elf_getshdrstrndx(search->object->elf, &search->section_names) == 0;
}

static const char *symbol_at(const struct search *search, int i, GElf_Sym *ret)
{
	const char *name = NULL;

	if (gelf_getsym(search->symbols, i, ret))
		name = elf_strptr(search->object->elf, search->strings, ret->st_name);
	return name;
}

/* gcc: calls.0, clang: count.calls, of C++ _ZL5calls */
static bool is_decorated(const char *symbol, const char *name)
{
	size_t len = strlen(name), whole = strlen(symbol);
	char *mangled = memory_format("_ZL%zu%s", len, name);

	if (!strcmp(symbol, mangled))
		return true;
	if (whole > len + 1 && symbol[whole - len - 1] == '.' &&
		!strcmp(symbol + whole - len, name))
		return true;
	return !strncmp(symbol, name, len) && symbol[len] == '.' && symbol[len + 1] &&
	       !symbol[len + 1 + strspn(symbol + len + 1, "0123456789")];
}

static bool is_variable(const GElf_Sym *symbol)
{
	int type = GELF_ST_TYPE(symbol->st_info);

	return symbol->st_shndx != SHN_UNDEF &&
	       (type == STT_OBJECT || type == STT_TLS || type == STT_COMMON);
}

/* Return: how many there are; *ret is the last. */
static size_t find_named(
	const struct search *search, const char *name, bool decorated, GElf_Sym *ret)
{
	GElf_Sym symbol;
	size_t count = 0;
	const char *found;

	for (int i = 1; (found = symbol_at(search, i, &symbol)); i++) {
		if (!is_variable(&symbol) ||
			!(decorated ? is_decorated(found, name) : !strcmp(found, name)))
			continue;
		*ret = symbol;
		count++;
	}
	return count;
}

/* What else lies in its section: "before, after"; NULL: nothing. */
static const char *companions(const struct search *search, const GElf_Sym *of)
{
	const char *name, *list = NULL;
	unsigned shown = 0;
	GElf_Sym symbol;

	for (int i = 1; (name = symbol_at(search, i, &symbol)) && shown < SHOWN_MAX; i++) {
		if (symbol.st_shndx != of->st_shndx || !is_variable(&symbol) ||
			symbol.st_value == of->st_value)
			continue;
		list = list ? memory_format("%s, %s", list, name) : name;
		shown++;
	}
	return list;
}

static bool is_only_one(const struct search *search, const char *name)
{
	unsigned count = 0;
	GElf_Shdr header;

	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(search->object->elf, scn));) {
		const char *other = NULL;

		if (gelf_getshdr(scn, &header))
			other = elf_strptr(
				search->object->elf, search->section_names, header.sh_name);
		count += other && !strcmp(other, name);
	}
	return count == 1;
}

static const char *why_not_section(const struct search *search, const GElf_Shdr *header,
	const GElf_Sym *symbol, const char *name)
{
	const char *others = companions(search, symbol);

	if (header->sh_flags & SHF_TLS)
		return "each thread has its own";
	if (!(header->sh_flags & SHF_WRITE) || !strncmp(name, ".data.rel.ro", 12))
		return "it is read-only";
	if (!strcmp(name, "shared") || !strcmp(name, "shared_zero"))
		return "it is annotated already";
	if (header->sh_flags & SHF_GROUP)
		return "it is in a group of sections, of which the linker keeps one; annotate it";
	if (others)
		return memory_format(
			"its section, %s, also holds %s; compile it with -fdata-sections", name,
			others);
	if (symbol->st_value || header->sh_size > symbol->st_size)
		return memory_format(
			"its section, %s, also holds bytes that are not its own; compile "
			"it with -fdata-sections",
			name);
	if (!strcmp(name, ".data") || !strcmp(name, ".bss"))
		return memory_format(
			"its section is %s; compile it with -fdata-sections", name);
	return is_only_one(search, name) ? NULL :
					   memory_format("there are several sections %s", name);
}

static const char *find_section(
	const struct search *search, const GElf_Sym *symbol, struct own_section *ret)
{
	Elf_Scn *scn = elf_getscn(search->object->elf, symbol->st_shndx);
	GElf_Shdr header;
	const char *name;

	if (symbol->st_shndx == SHN_COMMON)
		return "the linker is to find its place; compile it with -fno-common";
	if (symbol->st_shndx >= SHN_LORESERVE || !scn || !gelf_getshdr(scn, &header))
		return "its section is not known";
	name = elf_strptr(search->object->elf, search->section_names, header.sh_name);
	if (!name)
		return "its section has no name";
	*ret = (struct own_section){ .name = name,
		.variable = elf_strptr(search->object->elf, search->strings, symbol->st_name) };
	return why_not_section(search, &header, symbol, name);
}

const char *relocatable_find(
	const struct object *object, const char *name, struct own_section *ret)
{
	struct search search = { .object = object };
	GElf_Sym symbol;
	size_t count;

	if (object->header.e_type != ET_REL)
		return "it is linked; name the object file (.o) that it was made of";
	if (!find_symbols(&search))
		return "it has no symbol table";
	count = find_named(&search, name, false, &symbol);
	if (!count)
		count = find_named(&search, name, true, &symbol);
	if (!count)
		return "there is no such variable; `nm` lists what there is: with -flto nothing";
	if (count > 1)
		return "there are several; write the symbol, as `nm` lists it";
	return find_section(&search, &symbol, ret);
}
