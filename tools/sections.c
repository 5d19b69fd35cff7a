/* SPDX-License-Identifier: MIT */
/*
 * sections.c - sections are for people
 *
 * The proof does without them, and they may be absent or wrong. But they tell what the
 * pages of a program were made of, and a second section of the same name, or a name that
 * was not understood as it was meant, shows only here.
 */
#include <string.h>

#include "memory.h"
#include "variables.h"

/* A program has one of each kind. What is beyond this is not looked into. */
#define SECTIONS_MAX 64

static bool has_shared_name(const char *name)
{
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		if (!strcmp(name, kind_name[kind]))
			return true;
	return !strncmp(name, "shared,", 7) || !strncmp(name, "shared_zero,", 12);
}

static void add(struct section **list, size_t *count, const struct section *section)
{
	*list = memory_grow(*list, *count, sizeof(**list));
	(*list)[(*count)++] = *section;
}

static void add_section(struct contents *contents, const struct object *object,
	const GElf_Shdr *header, const char *name)
{
	struct section section = {
		.name = name,
		.address = header->sh_addr,
		.end = header->sh_addr + header->sh_size,
		.flags = header->sh_flags,
	};

	if (section.end < section.address)
		return; /* damaged */
	if (contents->section_count < SECTIONS_MAX &&
		(has_shared_name(name) ||
			proof_holds(&object->proof, section.address, section.end)))
		add(&contents->sections, &contents->section_count, &section);
	else
		add(&contents->others, &contents->other_count, &section);
}

static void read_sections(struct contents *contents, const struct object *object)
{
	GElf_Shdr header;
	const char *name;
	size_t strings;

	if (!object->has_tables || elf_getshdrstrndx(object->elf, &strings) != 0)
		return;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(object->elf, scn));) {
		if (!gelf_getshdr(scn, &header) || !(header.sh_flags & SHF_ALLOC))
			continue;
		name = elf_strptr(object->elf, strings, header.sh_name);
		if (name)
			add_section(contents, object, &header, name);
	}
}

/* Without a section table the notes alone say where the variables are. */
static void add_ranges(struct contents *contents, const struct object *object)
{
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		const struct range *range = &object->proof.ranges[kind];
		GElf_Shdr header = {
			.sh_addr = range->start,
			.sh_size = range->stop - range->start,
			.sh_flags = SHF_ALLOC | SHF_WRITE,
		};

		if (range->start < range->stop)
			add_section(contents, object, &header, kind_name[kind]);
	}
}

void sections_read(struct contents *contents, const struct object *object)
{
	read_sections(contents, object);
	if (!contents->section_count)
		add_ranges(contents, object);
}

struct section *section_at(struct section *list, size_t count, uint64_t address)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].address <= address && address < list[i].end &&
			!(list[i].flags & SHF_TLS))
			return &list[i];
	return NULL;
}
