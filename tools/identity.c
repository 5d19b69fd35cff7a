/* SPDX-License-Identifier: MIT */
/*
 * identity.c - what an object is for, and what it is linked with
 *
 * A preload must be of the program's machine and libc, and needs a loader to load it. All
 * three are in the headers and in the dynamic section. That a static program contains the
 * runtime is told by a note of its own.
 */
#include <fnmatch.h>
#include <link.h>
#include <string.h>

#include "memory.h"
#include "object.h"

/* The linker's name for our own ELF header: what this machine is. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

#define STRINGS_MAX (16 << 20)
#define DYNAMIC_MAX (1 << 20)

bool object_is_native(const struct object *object)
{
	return object->header.e_machine == __ehdr_start.e_machine &&
	       object->header.e_ident[EI_CLASS] == __ehdr_start.e_ident[EI_CLASS];
}

static const char *machine_name(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{ EM_386, "x86" },
		{ EM_X86_64, "x86-64" },
		{ EM_ARM, "arm" },
		{ EM_AARCH64, "aarch64" },
		{ EM_RISCV, "riscv" },
		{ EM_PPC64, "ppc64" },
		{ EM_S390, "s390" },
		{ EM_MIPS, "mips" },
		{ EM_LOONGARCH, "loongarch" },
	};

	for (size_t i = 0; i < FONDUE_COUNT(names); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return memory_format("machine type %u", machine);
}

const char *object_machine(const struct object *object)
{
	return memory_format("%s-bit %s", object->image.word == 8 ? "64" : "32",
		machine_name(object->header.e_machine));
}

/* Where in the file is what the loader finds at @address? */
static bool find_offset(const struct object *object, uint64_t address, uint64_t *ret)
{
	GElf_Phdr p;

	for (size_t i = 0; i < object->segment_count; i++)
		if (gelf_getphdr(object->elf, (int)i, &p) && p.p_type == PT_LOAD &&
			address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz) {
			*ret = p.p_offset + (address - p.p_vaddr);
			return true;
		}
	return false;
}

struct dynamic {
	Elf_Data *entries;
	size_t count;
	const char *strings;
	size_t strings_size; /* the last byte of them is 0 */
};

static uint64_t dynamic_value(const struct dynamic *dynamic, int64_t tag)
{
	GElf_Dyn entry;

	for (size_t i = 0; i < dynamic->count; i++) {
		if (!gelf_getdyn(dynamic->entries, (int)i, &entry) ||
			entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == tag)
			return entry.d_un.d_val;
	}
	return 0;
}

static void read_strings(const struct object *object, struct dynamic *dynamic)
{
	uint64_t size = dynamic_value(dynamic, DT_STRSZ);
	uint64_t offset;
	Elf_Data *data;

	if (!size || size > STRINGS_MAX ||
		!find_offset(object, dynamic_value(dynamic, DT_STRTAB), &offset))
		return;
	data = elf_getdata_rawchunk(object->elf, (int64_t)offset, size, ELF_T_BYTE);
	if (!data || !data->d_buf || ((const char *)data->d_buf)[size - 1])
		return;
	dynamic->strings = data->d_buf;
	dynamic->strings_size = size;
}

static struct dynamic read_dynamic(const struct object *object)
{
	struct dynamic dynamic = { 0 };
	size_t size = object->dynamic.p_filesz;

	if (!size || size > DYNAMIC_MAX)
		return dynamic;
	dynamic.entries = elf_getdata_rawchunk(
		object->elf, (int64_t)object->dynamic.p_offset, size, ELF_T_DYN);
	if (!dynamic.entries)
		return dynamic;
	dynamic.count = size / gelf_fsize(object->elf, ELF_T_DYN, 1, EV_CURRENT);
	read_strings(object, &dynamic);
	return dynamic;
}

static const char *dynamic_string(const struct dynamic *dynamic, uint64_t offset)
{
	return offset < dynamic->strings_size ? dynamic->strings + offset : NULL;
}

bool object_needs(const struct object *object, const char *prefix)
{
	struct dynamic dynamic = read_dynamic(object);
	const char *name;
	GElf_Dyn entry;

	for (size_t i = 0; i < dynamic.count; i++) {
		if (!gelf_getdyn(dynamic.entries, (int)i, &entry) ||
			entry.d_tag == DT_NULL)
			break;
		name = entry.d_tag == DT_NEEDED ?
			       dynamic_string(&dynamic, entry.d_un.d_val) :
			       NULL;
		if (name && !strncmp(name, prefix, strlen(prefix)))
			return true;
	}
	return false;
}

uint64_t object_dynamic_value(const struct object *object, int64_t tag)
{
	struct dynamic dynamic = read_dynamic(object);

	return dynamic_value(&dynamic, tag);
}

const char *object_soname(const struct object *object)
{
	struct dynamic dynamic = read_dynamic(object);
	uint64_t offset = dynamic_value(&dynamic, DT_SONAME);

	return offset ? dynamic_string(&dynamic, offset) : NULL;
}

static enum libc linked_libc(const struct object *object)
{
	if (object_needs(object, "libc.so.6"))
		return LIBC_GLIBC;
	if (object_needs(object, "libc.musl-") || object_needs(object, "libc.so"))
		return LIBC_MUSL;
	return LIBC_NONE;
}

enum libc object_libc(const struct object *object)
{
	const char *name = object->interpreter ? strrchr(object->interpreter, '/') : NULL;

	name = name ? name + 1 : object->interpreter;
	if (!name)
		return linked_libc(object);
	if (!fnmatch("ld-musl-*", name, 0))
		return LIBC_MUSL;
	if (!fnmatch("ld-linux*.so.*", name, 0) || !fnmatch("ld64.so.*", name, 0) ||
		!fnmatch("ld.so.*", name, 0))
		return LIBC_GLIBC;
	return LIBC_UNKNOWN;
}

const char *libc_name(enum libc libc)
{
	return libc == LIBC_GLIBC ? "glibc" : libc == LIBC_MUSL ? "musl" : "another libc";
}

/*
 * A program that the kernel starts without a loader. A library has no interpreter either,
 * nor has the loader itself, which may be run as a program; those are not marked as PIE.
 */
bool object_is_static(const struct object *object)
{
	if (object->interpreter)
		return false;
	if (object->header.e_type == ET_EXEC || !object->dynamic.p_filesz)
		return true;
	return object_dynamic_value(object, DT_FLAGS_1) & DF_1_PIE;
}

bool object_has_runtime(const struct object *object)
{
	return object->has_runtime || object_needs(object, "libfondue.so");
}
