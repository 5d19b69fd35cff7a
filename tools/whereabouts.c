/* SPDX-License-Identifier: MIT */
/*
 * whereabouts.c - from an address to the file it came from, and the symbol in it
 *
 * The runtime has put nameless memory in the place of a variable's pages, so the line of
 * /proc/PID/maps at the address names no file. But the object is around it: a file mapped
 * from its beginning, whose program headers say that it reaches so far. A name is certain
 * if the file is the one that is mapped (device and inode), if its code lies where the
 * headers want it, and if a symbol's size covers the address. Otherwise there is none.
 *
 * Files are opened once and stay open, for names are in their memory; names that were found
 * are kept, since the same locks are asked for again and again.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "debuginfo.h"
#include "memory.h"
#include "whereabouts.h"

/* Objects below the address that are tried: the next one, unless others fill its gaps. */
#define TRIES 8

struct answer {
	uint64_t address; /* in the file */
	struct whereabouts where;
};

struct file {
	uint64_t device, inode;
	const char *path; /* as maps show it */
	bool is_good;
	struct object object;
	bool has_debuginfo; /* it has been looked for */
	struct debuginfo debuginfo;
	struct answer *answers;
	size_t answer_count;
};

static struct file **files;
static size_t file_count;

static bool open_if_same(struct file *file, const char *path)
{
	struct stat it;

	if (object_open(&file->object, path) != NULL)
		return false;
	if (fstat(file->object.fd, &it) == 0 && it.st_dev == file->device &&
		it.st_ino == file->inode)
		return true;
	object_close(&file->object);
	return false;
}

/* By its name as the process sees it; deleted or elsewhere, by what the kernel has mapped. */
static struct file *open_file(const struct mapping *mapping, pid_t tid)
{
	struct file *file = memory_get(sizeof(*file));
	char *path = memory_format("/proc/%d/root%s", tid, mapping->path);

	file->device = mapping->device;
	file->inode = mapping->inode;
	file->path = memory_copy(mapping->path);
	file->is_good = open_if_same(file, path);
	if (!file->is_good) {
		free(path);
		path = memory_format("/proc/%d/map_files/%lx-%lx", tid,
			(unsigned long)mapping->start, (unsigned long)mapping->end);
		file->is_good = open_if_same(file, path);
	}
	return file;
}

static struct file *get_file(const struct mapping *mapping, pid_t tid)
{
	for (size_t i = 0; i < file_count; i++)
		if (files[i]->device == mapping->device && files[i]->inode == mapping->inode)
			return files[i];
	files = memory_grow(files, file_count, sizeof(*files));
	files[file_count] = open_file(mapping, tid);
	return files[file_count++];
}

static bool is_mapped_from(
	const struct maps *maps, uint64_t address, const struct file *file, uint64_t offset)
{
	const struct mapping *mapping = maps_at(maps, address);

	return mapping && mapping->device == file->device && mapping->inode == file->inode &&
	       mapping->is_executable && mapping->offset + (address - mapping->start) == offset;
}

/*
 * Loaded with @bias: its code is where it should be, and @address in a segment of data.
 * Somebody may map a program's file without running it.
 */
static bool holds(const struct file *file, const struct maps *maps, uint64_t bias,
	uint64_t address)
{
	bool has_code = false, has_address = false;
	GElf_Phdr p;

	for (size_t i = 0; i < file->object.segment_count; i++) {
		if (!gelf_getphdr(file->object.elf, (int)i, &p) || p.p_type != PT_LOAD)
			continue;
		if (p.p_flags & PF_X)
			has_code |= is_mapped_from(maps, bias + p.p_vaddr, file, p.p_offset);
		else if ((p.p_flags & PF_W) && address - bias >= p.p_vaddr)
			has_address |= address - bias - p.p_vaddr < p.p_memsz;
	}
	return has_code && has_address;
}

/* Of the segment that the file begins with, which is mapped at @start. */
static bool find_bias(const struct file *file, uint64_t start, uint64_t *ret)
{
	GElf_Phdr p;

	for (size_t i = 0; i < file->object.segment_count; i++)
		if (gelf_getphdr(file->object.elf, (int)i, &p) && p.p_type == PT_LOAD) {
			*ret = start - p.p_vaddr;
			return p.p_offset == 0;
		}
	return false;
}

struct search {
	uint64_t address;
	const char *symbol;
	GElf_Sym found;
	uint64_t found_at;
	struct whereabouts *ret;
};

static void visit_symbol(
	const char *name, const GElf_Sym *symbol, uint64_t address, void *arg)
{
	struct search *search = arg;
	int type = GELF_ST_TYPE(symbol->st_info);

	if ((type != STT_OBJECT && type != STT_NOTYPE && type != STT_COMMON) ||
		search->address < address || search->address - address >= symbol->st_size)
		return;
	/* the innermost; of several names of it, the one that others may use */
	if (search->symbol && (symbol->st_size > search->found.st_size ||
				      (symbol->st_size == search->found.st_size &&
					      GELF_ST_BIND(symbol->st_info) != STB_GLOBAL)))
		return;
	search->symbol = name;
	search->found = *symbol;
	search->found_at = address;
}

static bool wants_place(uint64_t address, void *arg)
{
	return address == ((struct search *)arg)->found_at;
}

static void visit_place(const struct place *place, void *arg)
{
	struct search *search = arg;

	search->ret->name = place->name;
	search->ret->function = place->function;
}

/* Compilers decorate what is static in a function, and what has a namespace. */
static bool is_decorated(const char *name)
{
	return strchr(name, '.') || !strncmp(name, "_Z", 2);
}

static void name_it(struct file *file, uint64_t address, struct whereabouts *ret)
{
	struct search search = { .address = address, .ret = ret };

	if (!file->has_debuginfo)
		debuginfo_open(&file->debuginfo, &file->object);
	file->has_debuginfo = true;
	ret->object = file->path;
	ret->offset = address;
	debuginfo_visit_symbols(&file->debuginfo, visit_symbol, &search);
	if (!search.symbol)
		return;
	ret->name = search.symbol;
	ret->offset = address - search.found_at;
	if (is_decorated(search.symbol))
		debuginfo_visit_places(&file->debuginfo, wants_place, visit_place, &search);
}

static struct whereabouts ask(struct file *file, uint64_t address)
{
	struct answer answer = { .address = address };

	for (size_t i = 0; i < file->answer_count; i++)
		if (file->answers[i].address == address)
			return file->answers[i].where;
	name_it(file, address, &answer.where);
	file->answers = memory_grow(file->answers, file->answer_count, sizeof(answer));
	file->answers[file->answer_count++] = answer;
	return answer.where;
}

static bool may_be_object(const struct mapping *mapping)
{
	return mapping->offset == 0 && mapping->inode && !mapping->is_shared &&
	       mapping->path[0] == '/';
}

struct whereabouts whereabouts(const struct maps *maps, pid_t tid, uint64_t address)
{
	const struct mapping *mapping = maps_at(maps, address);
	unsigned tries = 0;
	uint64_t bias;

	if (!mapping)
		return (struct whereabouts){ .offset = address };
	for (size_t i = (size_t)(mapping - maps->list) + 1; i-- && tries < TRIES;) {
		struct file *file;

		if (!may_be_object(&maps->list[i]))
			continue;
		tries++;
		file = get_file(&maps->list[i], tid);
		if (file->is_good && find_bias(file, maps->list[i].start, &bias) &&
			holds(file, maps, bias, address))
			return ask(file, address - bias);
	}
	return (struct whereabouts){ .offset = mapping->offset + (address - mapping->start) };
}
