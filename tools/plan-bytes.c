/* SPDX-License-Identifier: MIT */
/*
 * plan-bytes.c - addresses of the object's file, before the loader has moved it
 *
 * A plan speaks of addresses as the file has them, so everything here is one mapping:
 * from an address through the program headers to bytes of the file. Program headers are
 * what the loader goes by, and are taken for data; only the section table tells code from
 * constants beside it, which older linkers put into one segment. Whatever a damaged file
 * says, no byte outside of it is read, and what contradicts itself is refused.
 */
#include <string.h>

#include "memory.h"
#include "plan-bytes.h"

/* Of one object. What is larger would need more memory than it is worth. */
#define CODE_MAX     ((uint64_t)1 << 29)
#define SECTIONS_MAX 65536

const uint8_t *bytes_at(const struct bytes *bytes, uint64_t address, uint64_t count)
{
	for (size_t i = 0; i < bytes->load_count; i++) {
		const struct load *load = &bytes->loads[i];

		if (address >= load->at.start && address <= load->file_end &&
			count <= load->file_end - address)
			return bytes->file + load->offset + (address - load->at.start);
	}
	return NULL;
}

bool bytes_get32(const struct bytes *bytes, uint64_t address, int32_t *ret)
{
	const uint8_t *at = bytes_at(bytes, address, sizeof(*ret));

	if (at)
		memcpy(ret, at, sizeof(*ret));
	return at != NULL;
}

bool bytes_get64(const struct bytes *bytes, uint64_t address, uint64_t *ret)
{
	const uint8_t *at = bytes_at(bytes, address, sizeof(*ret));

	if (at)
		memcpy(ret, at, sizeof(*ret));
	return at != NULL;
}

const struct section_extent *bytes_section(const struct bytes *bytes, uint64_t address)
{
	for (size_t i = 0; i < bytes->section_count; i++)
		if (extent_holds(bytes->sections[i].at, address))
			return &bytes->sections[i];
	return NULL;
}

bool bytes_is_code(const struct bytes *bytes, uint64_t address)
{
	const struct section_extent *section = NULL;

	if (extent_holds(bytes->code, address))
		section = bytes_section(bytes, address);
	return section && section->is_code;
}

bool bytes_are_writable(const struct bytes *bytes, struct extent at)
{
	if (extents_meet(at, bytes->relro))
		return false;
	for (size_t i = 0; i < bytes->load_count; i++)
		if (bytes->loads[i].flags & PF_W && bytes->loads[i].at.start <= at.start &&
			at.end <= bytes->loads[i].at.end)
			return true;
	return false;
}

static void widen(struct extent *extent, uint64_t start, uint64_t end)
{
	bool is_first = extent->start == extent->end;

	if (is_first || start < extent->start)
		extent->start = start;
	if (is_first || end > extent->end)
		extent->end = end;
}

static const char *add_load(struct bytes *bytes, const GElf_Phdr *p)
{
	struct load load = { .offset = p->p_offset, .flags = p->p_flags };

	if (p->p_filesz > p->p_memsz || p->p_vaddr + p->p_memsz < p->p_vaddr ||
		p->p_offset > bytes->size || p->p_filesz > bytes->size - p->p_offset)
		return "its program headers are damaged";
	if ((p->p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
		return "it has code that can be written to, so what it refers to can change";
	load.at = (struct extent){ p->p_vaddr, p->p_vaddr + p->p_memsz };
	load.file_end = p->p_vaddr + p->p_filesz;
	for (size_t i = 0; i < bytes->load_count; i++)
		if (extents_meet(load.at, bytes->loads[i].at))
			return "its segments overlap";
	if (p->p_flags & PF_W)
		widen(&bytes->data, load.at.start, load.at.end);
	bytes->loads = memory_grow(bytes->loads, bytes->load_count, sizeof(load));
	bytes->loads[bytes->load_count++] = load;
	return NULL;
}

/* Entries of a PT_NOTE: two sizes and a type, then the name and the contents, padded. */
static void find_id(struct bytes *bytes, const GElf_Phdr *p)
{
	uint64_t mask = p->p_align == 8 ? 7 : 3;
	uint64_t at = p->p_vaddr, end = p->p_vaddr + p->p_filesz;
	Elf64_Nhdr note;

	while (at < end && end - at > sizeof(note)) {
		const uint8_t *head = bytes_at(bytes, at, sizeof(note));
		uint64_t name, contents;

		if (!head)
			return;
		memcpy(&note, head, sizeof(note));
		name = at + sizeof(note);
		contents = (name + note.n_namesz + mask) & ~mask;
		head = bytes_at(bytes, name, 4);
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && head &&
			!memcmp(head, "GNU", 4) && note.n_descsz && note.n_descsz <= PLAN_ID_MAX &&
			bytes_at(bytes, contents, note.n_descsz)) {
			bytes->id_size = note.n_descsz;
			memcpy(bytes->id, bytes_at(bytes, contents, note.n_descsz),
				note.n_descsz);
			return;
		}
		at = (contents + note.n_descsz + mask) & ~mask;
	}
}

static const char *read_segments(struct bytes *bytes)
{
	const struct object *object = bytes->object;
	const char *why = NULL;
	GElf_Phdr p;

	for (size_t i = 0; i < object->segment_count && !why; i++) {
		if (!gelf_getphdr(object->elf, (int)i, &p))
			return "its program headers are damaged";
		if (p.p_type == PT_LOAD && p.p_memsz)
			why = add_load(bytes, &p);
		if (p.p_type == PT_GNU_RELRO)
			widen(&bytes->relro, p.p_vaddr, p.p_vaddr + p.p_memsz);
	}
	for (size_t i = 0; i < object->segment_count && !why; i++)
		if (gelf_getphdr(object->elf, (int)i, &p) && p.p_type == PT_NOTE)
			find_id(bytes, &p);
	return why;
}

static const char *add_section(struct bytes *bytes, const GElf_Shdr *header, const char *name)
{
	struct section_extent section = {
		.at = { header->sh_addr, header->sh_addr + header->sh_size },
		.name = name ? name : "",
		.type = header->sh_type,
		.is_code = header->sh_flags & SHF_EXECINSTR,
		.is_writable = header->sh_flags & SHF_WRITE,
	};

	if (section.at.end < section.at.start || bytes->section_count == SECTIONS_MAX)
		return "its section table is damaged";
	if (section.is_code) {
		if (!bytes_at(bytes, header->sh_addr, header->sh_size))
			return "it has code outside of what the file has";
		widen(&bytes->code, section.at.start, section.at.end);
	}
	bytes->sections = memory_grow(bytes->sections, bytes->section_count, sizeof(section));
	bytes->sections[bytes->section_count++] = section;
	return NULL;
}

static const char *read_sections(struct bytes *bytes)
{
	Elf *elf = bytes->object->elf;
	const char *why = NULL;
	size_t names = 0;
	GElf_Shdr header;

	elf_getshdrstrndx(elf, &names);
	for (Elf_Scn *scn = NULL; !why && (scn = elf_nextscn(elf, scn));)
		/* of what is thread-local there is no place but a template */
		if (gelf_getshdr(scn, &header) && header.sh_flags & SHF_ALLOC && header.sh_size &&
			!(header.sh_flags & SHF_TLS && header.sh_type == SHT_NOBITS))
			why = add_section(
				bytes, &header, elf_strptr(elf, names, header.sh_name));
	return why;
}

/* What the program headers call executable must be known by section, to the last byte. */
static const char *check_code(const struct bytes *bytes)
{
	if (bytes->code.start == bytes->code.end)
		return "it has no sections with code; the section table must not be stripped";
	if (bytes->code.end - bytes->code.start > CODE_MAX)
		return "it is too large";
	for (size_t i = 0; i < bytes->load_count; i++) {
		const struct load *load = &bytes->loads[i];
		bool is_known = !(load->flags & PF_X);

		for (size_t k = 0; k < bytes->section_count; k++)
			is_known |= bytes->sections[k].is_code &&
				    extent_holds(load->at, bytes->sections[k].at.start);
		if (!is_known)
			return "it has code that no section tells of";
	}
	return NULL;
}

static const char *read_object(struct bytes *bytes)
{
	const struct object *object = bytes->object;
	const char *why;

	bytes->is_absolute = object->header.e_type == ET_EXEC;
	bytes->file = (const uint8_t *)elf_rawfile(object->elf, &bytes->size);
	if (!bytes->file)
		return "it cannot be read";
	why = read_segments(bytes);
	if (!why)
		why = read_sections(bytes);
	if (!why && !bytes->is_in_place)
		why = check_code(bytes);
	if (!why && !bytes->is_in_place && bytes->is_absolute && bytes->data.end > INT32_MAX)
		why = "it is linked to addresses of more than 31 bits; link with -pie";
	if (!why && !bytes->id_size)
		why = "it has no build-id, by which a plan knows its object; link with "
		      "-Wl,--build-id";
	return why;
}

static const char *check_kind(const struct object *object)
{
	if (object->header.e_machine != EM_X86_64 ||
		object->header.e_ident[EI_CLASS] != ELFCLASS64)
		return "it is not for x86-64";
	if (object->header.e_type != ET_EXEC && object->header.e_type != ET_DYN)
		return "it is neither a program nor a library";
	if (object_is_static(object))
		return "it is static: there is no loader that would preload the runtime";
	return NULL;
}

const char *bytes_read(struct bytes *bytes, const struct object *object)
{
	const char *why = check_kind(object);

	*bytes = (struct bytes){ .object = object };
	return why ? why : read_object(bytes);
}

const char *bytes_read_in_place(struct bytes *bytes, const struct object *object)
{
	const char *why = check_kind(object);

	*bytes = (struct bytes){ .object = object, .is_in_place = true };
	return why ? why : read_object(bytes);
}
