/* SPDX-License-Identifier: MIT */
/*
 * binary.c - the headers of a mapped ELF object
 *
 * Only what the loader has mapped is read: ELF header, program headers, notes. The load
 * bias follows from the mapping that holds the file's first byte and the PT_LOAD that
 * begins there; so it is right for programs at fixed addresses, too. Nothing is believed
 * without need: counts are bounded, and an address that makes no sense is one that cannot
 * be read.
 */
#include <elf.h>
#include <link.h>
#include <string.h>

#include "binary.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__riscv)
#define MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define MACHINE EM_PPC64
#elif defined(__s390x__)
#define MACHINE EM_S390
#else
#error "name this target's ELF machine"
#endif

/* Real objects have 6 to 15 headers; notes take some 100 bytes. */
#define HEADERS_MAX 64
#define NOTES_MAX   1024

bool build_id_find(const void *bytes, size_t size, struct build_id *ret)
{
	const unsigned char *at = bytes;
	ElfW(Nhdr) note;

	ret->size = 0;
	/* every multiple of 4 is tried: the sizes in between mislead (see note.h) */
	for (size_t pos = 0; pos + sizeof(note) + 4 <= size; pos += 4) {
		memcpy(&note, at + pos, sizeof(note));
		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 || !note.n_descsz ||
			note.n_descsz > BUILD_ID_MAX ||
			memcmp(at + pos + sizeof(note), "GNU", 4) != 0 ||
			note.n_descsz > size - pos - sizeof(note) - 4)
			continue;
		ret->size = note.n_descsz;
		memcpy(ret->bytes, at + pos + sizeof(note) + 4, note.n_descsz);
		return true;
	}
	return false;
}

static bool is_ours(const ElfW(Ehdr) *header)
{
	return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_machine == MACHINE &&
	       header->e_phentsize == sizeof(ElfW(Phdr)) && header->e_phnum <= HEADERS_MAX &&
	       (header->e_type == ET_EXEC || header->e_type == ET_DYN);
}

static void read_note(struct target *target, const ElfW(Phdr) *phdr, struct binary *binary)
{
	unsigned char notes[NOTES_MAX];
	size_t size = phdr->p_filesz < sizeof(notes) ? phdr->p_filesz : sizeof(notes);

	if (!binary->build_id.size &&
		target_read(target, binary->bias + phdr->p_vaddr, notes, size))
		build_id_find(notes, size, &binary->build_id);
}

/* The bias comes first: the headers are gone through once for it, once for the rest. */
static bool find_bias(struct target *target, const struct mapping *head,
	const ElfW(Ehdr) *header, struct binary *binary)
{
	ElfW(Phdr) phdr;

	for (unsigned i = 0; i < header->e_phnum; i++) {
		uintptr_t at = head->start + header->e_phoff + i * sizeof(phdr);

		if (!target_read(target, at, &phdr, sizeof(phdr)))
			return false;
		if (phdr.p_type == PT_LOAD && phdr.p_offset < TARGET_PAGE) {
			binary->bias = head->start + phdr.p_offset - phdr.p_vaddr;
			return true;
		}
	}
	return false;
}

static void read_rights(const ElfW(Phdr) *phdr, struct binary *binary)
{
	uintptr_t start = binary->bias + phdr->p_vaddr;

	if ((phdr->p_flags & PF_X) && !binary->code)
		binary->code = start;
	if (!(phdr->p_flags & PF_W))
		return;
	if (!binary->data)
		binary->data = start;
	binary->data_end = start + phdr->p_memsz;
}

static void read_header(struct target *target, const ElfW(Phdr) *phdr, struct binary *binary)
{
	uintptr_t end = binary->bias + phdr->p_vaddr + phdr->p_memsz;

	if (phdr->p_type == PT_LOAD && end > binary->end && end - binary->start < UINT32_MAX)
		binary->end = end;
	if (phdr->p_type == PT_LOAD)
		read_rights(phdr, binary);
	if (phdr->p_type == PT_NOTE)
		read_note(target, phdr, binary);
	if (phdr->p_type != PT_GNU_EH_FRAME)
		return;
	binary->table = binary->bias + phdr->p_vaddr;
	binary->table_size = phdr->p_memsz;
}

int binary_read(struct target *target, uintptr_t address, struct binary *ret)
{
	const struct mapping *mapping = mappings_find(&target->maps, address), *head;
	ElfW(Ehdr) header;
	ElfW(Phdr) phdr;

	if (!mapping)
		return -ENOENT;
	*ret = (struct binary){ .path = mappings_path(&target->maps, mapping),
		.start = mapping->start,
		.end = mapping->end,
		.inode = mapping->inode,
		.deleted = mapping->deleted };
	head = mappings_head(&target->maps, mapping);
	if (!head || !target_read(target, head->start, &header, sizeof(header)) ||
		!is_ours(&header) || !find_bias(target, head, &header, ret))
		return -ENOEXEC;
	ret->start = head->start;
	ret->entry = header.e_entry ? ret->bias + header.e_entry : 0;
	ret->head_size = header.e_phoff + header.e_phnum * sizeof(phdr);
	for (unsigned i = 0; i < header.e_phnum; i++) {
		uintptr_t at = head->start + header.e_phoff + i * sizeof(phdr);

		if (target_read(target, at, &phdr, sizeof(phdr)))
			read_header(target, &phdr, ret);
	}
	ret->is_elf = true;
	return 0;
}

const struct binary *binaries_find(struct binaries *binaries, struct target *target,
	uintptr_t address)
{
	const struct mapping *mapping = mappings_find(&target->maps, address);
	struct binary *binary;
	const char *path;

	if (!mapping)
		return NULL;
	path = mappings_path(&target->maps, mapping);
	for (unsigned i = 0; i < binaries->count; i++) {
		binary = &binaries->at[i];
		if (binary->path == path &&
			address - binary->start < binary->end - binary->start)
			return binary;
	}
	if (!*path || binaries->count == BINARIES_MAX)
		return NULL;
	binary = &binaries->at[binaries->count++];
	(void)binary_read(target, address, binary);
	return binary;
}

/* Objects before the address that are tried: the next one, unless others fill its gaps. */
#define TRIES 8

/* Somebody may map a program's file without running it. */
static bool holds(const struct binary *binary, const struct target *target, uintptr_t address)
{
	const struct mapping *code = mappings_find(&target->maps, binary->code);

	return binary->is_elf && code && code->executable && code->inode == binary->inode &&
	       address >= binary->data && address < binary->data_end;
}

const struct binary *binaries_find_data(struct binaries *binaries, struct target *target,
	uintptr_t address)
{
	const struct mapping *mapping = mappings_below(&target->maps, address);
	unsigned tries = 0;

	for (; mapping && mapping >= target->maps.entries && tries < TRIES; mapping--) {
		const struct binary *binary;

		if (mapping->offset != 0 || !mapping->inode)
			continue;
		tries++;
		binary = binaries_find(binaries, target, mapping->start);
		if (binary && holds(binary, target, address))
			return binary;
	}
	return NULL;
}
