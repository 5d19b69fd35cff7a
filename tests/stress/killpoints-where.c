/* SPDX-License-Identifier: MIT */
/*
 * killpoints-where.c - names for addresses
 *
 * Nearly all functions of the runtime are static or hidden, of which dladdr(3) does not
 * know; the file's symbol table does.
 */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "killpoints-where.h"

#define FILES 4

static struct file {
	char path[512];
	const char *image; /* NULL: not to be had */
	size_t size;
} files[FILES];

static void map(struct file *file)
{
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	void *image;

	if (fd < 0)
		return;
	if (fstat(fd, &stat) == 0 && stat.st_size > (off_t)sizeof(Elf64_Ehdr)) {
		image = mmap(NULL, stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		file->image = image == MAP_FAILED ? NULL : image;
		file->size = stat.st_size;
	}
	close(fd);
}

static const struct file *file_of(const char *path)
{
	for (struct file *file = files; file < files + FILES; file++) {
		if (!*file->path) {
			snprintf(file->path, sizeof(file->path), "%s", path);
			map(file);
		}
		if (strcmp(file->path, path) == 0)
			return file->image ? file : NULL;
	}
	return NULL;
}

/* The files are those that we run, so they are not looked at with distrust. */
static const char *find_function(const char *image, uint64_t at, uint64_t *ret_offset)
{
	const Elf64_Ehdr *head = (const void *)image;
	const Elf64_Shdr *sections = (const void *)(image + head->e_shoff);

	for (int i = 0; i < head->e_shnum; i++) {
		const Elf64_Sym *symbol = (const void *)(image + sections[i].sh_offset);
		const Elf64_Sym *end = symbol + sections[i].sh_size / sizeof(*symbol);

		if (sections[i].sh_type != SHT_SYMTAB)
			continue;
		for (; symbol < end; symbol++) {
			if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC ||
				at - symbol->st_value >= symbol->st_size)
				continue;
			*ret_offset = at - symbol->st_value;
			return image + sections[sections[i].sh_link].sh_offset +
			       symbol->st_name;
		}
	}
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void where(uintptr_t address, char *text, size_t size)
{
	Dl_info info = { 0 };
	const struct file *file;
	const char *function = NULL;
	uint64_t in_object, offset = 0;

	if (!dladdr((void *)address, &info) || !info.dli_fname) {
		snprintf(text, size, "%#lx", (unsigned long)address);
		return;
	}
	in_object = address - (uintptr_t)info.dli_fbase;
	file = file_of(info.dli_fname);
	if (file)
		function = find_function(file->image, in_object, &offset);
	if (!function && info.dli_sname) {
		function = info.dli_sname;
		offset = address - (uintptr_t)info.dli_saddr;
	}
	snprintf(text, size, "%s+%#lx (%s+%#lx)", function ? function : "?",
		(unsigned long)offset, base_name(info.dli_fname), (unsigned long)in_object);
}

/* In a function: there are data in between. */
bool where_is_ours(uintptr_t address)
{
	Dl_info info = { 0 }, here = { 0 };
	const struct file *file;
	uint64_t offset;

	if (!dladdr((void *)address, &info) || !info.dli_fname ||
		!dladdr((void *)where, &here))
		return false;
	if (!strstr(info.dli_fname, "libfondue") && here.dli_fbase != info.dli_fbase)
		return false;
	file = file_of(info.dli_fname);
	return file && find_function(file->image, address - (uintptr_t)info.dli_fbase, &offset);
}
