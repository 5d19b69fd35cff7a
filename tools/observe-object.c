/* SPDX-License-Identifier: MIT */
/*
 * observe-object.c - files that are mapped, and what the program headers say of them
 *
 * Variables are where the loader maps a file for writing. Some objects are left out as a
 * whole: libc and the loader, and what belongs to them or to a sanitizer. Their variables
 * change in every child (malloc, stdio), and sharing them would break the process.
 *
 * A file is opened through /proc/PID/root, for the process may have another root than we;
 * one that has been deleted, by what the kernel has mapped. What is opened stays open: the
 * names and types in it are asked for until the end.
 */
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "observe-object.h"
#include "say.h"
#include "source.h"

/* More loaded segments than any linker makes; the file may be damaged. */
#define LOADS_MAX 64

static const char *const left_out[] = { "libc.so*", "libc-[0-9]*", "ld-linux*", "ld-musl-*",
	"ld-[0-9]*", "ld.so*", "ld64.so*", "libpthread[.-]*", "libm[.-]*", "libdl[.-]*",
	"librt[.-]*", "libresolv[.-]*", "libnss_*", "libgcc_s*", "libasan*", "libtsan*",
	"libubsan*", "liblsan*", "libfondue*" };

/* A program may map any number of files that are no objects. */
#define OBJECTS_MAX 4096

static struct observed *objects;
static unsigned object_count;

static bool is_left_out(const char *path)
{
	const char *name = say_base_name(path);

	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (!fnmatch(left_out[i], name, 0))
			return true;
	return false;
}

static uint64_t down(uint64_t address)
{
	return address & -(uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t up(uint64_t address)
{
	return down(address + (uint64_t)sysconf(_SC_PAGESIZE) - 1);
}

static void add_load(struct observed *observed, const GElf_Phdr *p)
{
	if (observed->load_count == LOADS_MAX || p->p_vaddr + p->p_memsz < p->p_vaddr)
		return;
	observed->loads =
		memory_grow(observed->loads, observed->load_count, sizeof(*observed->loads));
	observed->loads[observed->load_count++] = (struct load){
		.start = p->p_vaddr,
		.end = p->p_vaddr + p->p_memsz,
		.offset = p->p_offset,
		.file_end = p->p_vaddr + p->p_filesz,
		.is_writable = p->p_flags & PF_W,
	};
	if (observed->load_count == 1)
		observed->start = down(p->p_vaddr);
	if (up(p->p_vaddr + p->p_memsz) > observed->end)
		observed->end = up(p->p_vaddr + p->p_memsz);
}

/* Three words of the loader's own, then one for each function that is bound when called. */
static void find_got(struct observed *observed)
{
	const struct object *object = &observed->object;
	uint64_t entry = object_dynamic_value(object, DT_PLTREL) == DT_REL ?
				 2 * object->image.word :
				 3 * object->image.word;

	observed->got = object_dynamic_value(object, DT_PLTGOT);
	observed->got_end =
		observed->got +
		(3 + object_dynamic_value(object, DT_PLTRELSZ) / entry) * object->image.word;
}

static void read_loads(struct observed *observed)
{
	GElf_Phdr p;

	for (size_t i = 0; i < observed->object.segment_count; i++)
		if (gelf_getphdr(observed->object.elf, (int)i, &p) && p.p_type == PT_LOAD)
			add_load(observed, &p);
	observed->is_good = observed->load_count && object_is_native(&observed->object);
	if (observed->is_good)
		find_got(observed);
}

/* The kernel says so behind the path. */
static bool is_deleted(const char *path)
{
	size_t length = strlen(path);
	static const char mark[] = " (deleted)";

	return length >= sizeof(mark) && !strcmp(path + length - (sizeof(mark) - 1), mark);
}

static bool open_as(struct observed *observed, char *path)
{
	bool good = object_open(&observed->object, path) == NULL;

	/* libdwfl keeps it, and looks beside it for a file with debug information */
	observed->object.path = observed->path;
	free(path);
	return good;
}

/* Not everybody may open what the kernel has mapped, but what a process executes. */
static bool open_deleted(struct observed *observed, const struct mapping *mapping, pid_t tid)
{
	char *link = memory_format("/proc/%d/exe", tid), path[PATH_MAX];
	ssize_t length = readlink(link, path, sizeof(path) - 1);

	path[length > 0 ? length : 0] = '\0';
	if (!strcmp(path, observed->path))
		return open_as(observed, link);
	free(link);
	return open_as(
		observed, memory_format("/proc/%d/map_files/%lx-%lx", tid,
				  (unsigned long)mapping->start, (unsigned long)mapping->end));
}

static struct observed *make(const struct mapping *mapping, pid_t tid)
{
	struct observed *observed = memory_get(sizeof(*observed));

	observed->device = mapping->device;
	observed->inode = mapping->inode;
	observed->path = memory_copy(mapping->path);
	observed->seen = SEEN_NOBODY;
	observed->is_left_out = is_left_out(observed->path);
	if (is_deleted(observed->path) ? open_deleted(observed, mapping, tid) :
					 open_as(observed, memory_format("/proc/%d/root%s", tid,
								   observed->path)))
		read_loads(observed);
	return observed;
}

struct observed *observed_get(const struct mapping *mapping, pid_t tid)
{
	struct observed *observed;

	if (!mapping->inode || mapping->is_shared || mapping->path[0] != '/')
		return NULL;
	for (observed = objects; observed; observed = observed->next)
		if (observed->inode == mapping->inode && observed->device == mapping->device)
			return observed;
	if (object_count == OBJECTS_MAX)
		return NULL;
	object_count++;
	observed = make(mapping, tid);
	observed->next = objects;
	objects = observed;
	return observed;
}

struct observed *observed_first(void)
{
	return objects;
}

const struct debuginfo *observed_debuginfo(struct observed *observed)
{
	if (!observed->has_debuginfo)
		debuginfo_open(&observed->debuginfo, &observed->object);
	observed->has_debuginfo = true;
	return &observed->debuginfo;
}

static const char *symbol_of(struct observed *observed, uint64_t address)
{
	const struct symbol *symbol;

	if (!observed->naming) {
		observed->naming = memory_get(sizeof(*observed->naming));
		naming_open(observed->naming, observed_debuginfo(observed));
	}
	symbol = naming_find(observed->naming, NAMING_CODE, address);
	return symbol ? symbol->name : NULL;
}

char *observed_code(struct observed *observed, uint64_t address)
{
	const char *function = NULL;
	struct spots spots;

	source_find(observed_debuginfo(observed), address, &spots);
	if (spots.count)
		function = spots.list[0].function;
	if (!function)
		function = symbol_of(observed, address);
	if (spots.count && spots.list[0].file)
		return memory_format("%s (%s:%u)", function ? function : "?",
			say_base_name(spots.list[0].file), spots.list[0].line);
	if (function)
		return memory_format("%s (%s)", function, say_base_name(observed->path));
	return memory_format("%s+0x%lx", say_base_name(observed->path), (unsigned long)address);
}

static const struct load *load_at(const struct observed *observed, uint64_t address)
{
	for (unsigned i = 0; i < observed->load_count; i++)
		if (down(observed->loads[i].start) <= address &&
			address < up(observed->loads[i].end) && observed->loads[i].is_writable)
			return &observed->loads[i];
	return NULL;
}

void observed_original(
	const struct observed *observed, uint64_t address, void *ret, size_t size)
{
	const struct load *load = load_at(observed, address);
	uint64_t offset;

	memset(ret, 0, size);
	if (!load || address >= load->file_end)
		return;
	offset = load->offset + (address - load->start);
	/* the whole page is mapped, whatever else of the file is in it */
	if (pread(observed->object.fd, ret, size, (off_t)offset) < 0)
		memset(ret, 0, size);
}
