/* SPDX-License-Identifier: MIT */
/*
 * names.c - looking addresses up in a symbol table, without guessing
 *
 * The usual lookup takes the nearest symbol below an address. In a stripped library, where
 * only the exported functions have symbols, that is mostly another function's name, and a
 * wrong name in a report is worse than none. So a symbol counts only if its size spans the
 * address. And only the symbols of the very file that is mapped count: an upgrade puts
 * another file under the same path while old processes live on. Build-ids tell, the one in
 * the memory of the process from the one in the file; where there are none, the inode and
 * the headers must be the same.
 *
 * The file is read in pieces and never mapped: it may shrink while we look at it. Symbols of
 * the vdso are read from memory, where all of that file is.
 */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>

#include "names.h"
#include "text.h"

#define SECTIONS_MAX 65536
#define SYMBOLS_MAX  (4 * 1024 * 1024) /* 96 MiB: some 50 ms */

struct source {
	long fd; /* -1: the object is read where it is in memory */
	struct target *target;
	uintptr_t start;
	const struct binary *binary;
	struct names_scratch *scratch;
};

static bool read_at(const struct source *source, uint64_t offset, void *bytes, size_t size)
{
	size_t done = 0;
	long got;

	if (source->fd < 0)
		return offset < source->binary->end - source->start &&
		       target_read(source->target, source->start + offset, bytes, size);
	while (done < size) {
		got = sys_call(SYS_pread64, source->fd, (char *)bytes + done, size - done,
			offset + done);
		if (got == -EINTR)
			continue;
		if (got <= 0)
			return false;
		done += got;
	}
	return true;
}

static bool read_header(const struct source *source, ElfW(Ehdr) *ret)
{
	return read_at(source, 0, ret, sizeof(*ret)) &&
	       memcmp(ret->e_ident, ELFMAG, SELFMAG) == 0 &&
	       ret->e_ident[EI_CLASS] == ELFCLASS64 &&
	       ret->e_shentsize == sizeof(ElfW(Shdr)) && ret->e_phentsize == sizeof(ElfW(Phdr));
}

/* Is it the file? */

static void read_build_id(const struct source *source, const ElfW(Ehdr) *header,
	struct build_id *ret)
{
	unsigned char *notes = source->scratch->bytes;
	ElfW(Phdr) phdr;

	ret->size = 0;
	for (unsigned i = 0; i < header->e_phnum && !ret->size; i++) {
		if (!read_at(source, header->e_phoff + i * sizeof(phdr), &phdr, sizeof(phdr)))
			return;
		if (phdr.p_type == PT_NOTE && phdr.p_filesz <= sizeof(*source->scratch) &&
			read_at(source, phdr.p_offset, notes, phdr.p_filesz))
			build_id_find(notes, phdr.p_filesz, ret);
	}
}

static bool has_same_head(const struct source *source)
{
	unsigned char *bytes = source->scratch->bytes;
	size_t size = source->binary->head_size;

	return size && size <= sizeof(*source->scratch) / 2 &&
	       read_at(source, 0, bytes, size) &&
	       target_read(source->target, source->start, bytes + size, size) &&
	       memcmp(bytes, bytes + size, size) == 0;
}

static bool is_what_is_mapped(const struct source *source, const ElfW(Ehdr) *header)
{
	const struct binary *binary = source->binary;
	struct build_id build_id;
	struct stat status;

	if (sys_call(SYS_fstat, source->fd, &status) != 0 || !S_ISREG(status.st_mode))
		return false;
	read_build_id(source, header, &build_id);
	if (binary->build_id.size || build_id.size)
		return build_id_equals(&binary->build_id, &build_id);
	return !binary->deleted && status.st_ino == binary->inode && has_same_head(source);
}

/* Its symbols */

struct table {
	uint64_t symbols, names; /* offsets in the file */
	uint64_t count, names_size;
};

/* The section of type @type and the names that it refers to. */
static bool find_table(const struct source *source, const ElfW(Ehdr) *header, uint32_t type,
	struct table *ret)
{
	ElfW(Shdr) section, names;

	for (unsigned i = 0; i < header->e_shnum && i < SECTIONS_MAX; i++) {
		if (!read_at(source, header->e_shoff + i * sizeof(section), &section,
			    sizeof(section)))
			return false;
		if (section.sh_type != type || section.sh_entsize != sizeof(ElfW(Sym)))
			continue;
		if (section.sh_link >= header->e_shnum ||
			!read_at(source, header->e_shoff + section.sh_link * sizeof(names),
				&names, sizeof(names)))
			return false;
		*ret = (struct table){ .symbols = section.sh_offset,
			.names = names.sh_offset,
			.count = section.sh_size / sizeof(ElfW(Sym)),
			.names_size = names.sh_size };
		return ret->count <= SYMBOLS_MAX;
	}
	return false;
}

/* A name that could be printed, or "". */
static void read_name(const struct source *source, const struct table *table, uint32_t at,
	char name[NAMES_LENGTH])
{
	static const char cut[] = "...";
	size_t size = at < table->names_size ? table->names_size - at : 0, len = 0;

	if (size > NAMES_LENGTH)
		size = NAMES_LENGTH;
	name[0] = '\0';
	if (!size || !read_at(source, table->names + at, name, size)) {
		name[0] = '\0';
		return;
	}
	while (len < size && name[len] > ' ' && name[len] < 0x7f && name[len] != '@')
		len++;
	if (len == NAMES_LENGTH)
		memcpy(name + NAMES_LENGTH - sizeof(cut), cut, sizeof(cut));
	else if (len < size && (name[len] == '\0' || name[len] == '@'))
		name[len] = '\0'; /* "read@@GLIBC_2.2.5" is called read */
	else
		name[0] = '\0';
}

static bool is_wanted(const ElfW(Sym) *symbol, enum names_kind kind)
{
	unsigned type = ELF64_ST_TYPE(symbol->st_info);

	if (symbol->st_shndx == SHN_UNDEF || !symbol->st_size || !symbol->st_name)
		return false;
	if (kind == NAMES_DATA)
		return type == STT_OBJECT;
	/* functions in assembly language may have no type, but those with a size are some */
	return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
}

static unsigned underscores(const char *name)
{
	unsigned count = 0;

	while (name[count] == '_')
		count++;
	return count;
}

/* The best so far for each address. */
struct best {
	uint64_t size;
	bool is_local;
};

/*
 * Of several names for the same place: the one that spans least, then one that others could
 * use, then the one that looks least internal (nanosleep, not __nanosleep).
 */
static bool is_better(const ElfW(Sym) *symbol, const struct best *best, const char *name,
	const char *best_name)
{
	bool is_local = ELF64_ST_BIND(symbol->st_info) == STB_LOCAL;

	if (!*best_name || symbol->st_size != best->size)
		return !*best_name || symbol->st_size < best->size;
	if (is_local != best->is_local)
		return !is_local;
	return underscores(name) < underscores(best_name);
}

#define BATCH_NAMES 64 /* addresses in one pass */

static void offer(const struct source *source, const struct table *table,
	const ElfW(Sym) *symbol, struct name *names, struct best *best, unsigned count)
{
	uintptr_t start = source->binary->bias + symbol->st_value;
	char text[NAMES_LENGTH];

	for (unsigned i = 0; i < count; i++) {
		if (names[i].address - start >= symbol->st_size)
			continue;
		read_name(source, table, symbol->st_name, text);
		if (!*text || !is_better(symbol, &best[i], text, names[i].text))
			continue;
		names[i].start = start;
		memcpy(names[i].text, text, sizeof(text));
		best[i] = (struct best){ .size = symbol->st_size,
			.is_local = ELF64_ST_BIND(symbol->st_info) == STB_LOCAL };
	}
}

static void scan(const struct source *source, const struct table *table, enum names_kind kind,
	struct name *names, unsigned count)
{
	ElfW(Sym) *symbols = (void *)source->scratch->bytes;
	size_t batch = sizeof(*source->scratch) / sizeof(*symbols);
	struct best best[BATCH_NAMES] = { 0 };

	for (uint64_t first = 0; first < table->count; first += batch) {
		if (batch > table->count - first)
			batch = table->count - first;
		if (!read_at(source, table->symbols + first * sizeof(*symbols), symbols,
			    batch * sizeof(*symbols)))
			return;
		for (size_t i = 0; i < batch; i++)
			if (is_wanted(&symbols[i], kind))
				offer(source, table, &symbols[i], names, best, count);
	}
}

static bool are_all_named(const struct name *names, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!*names[i].text)
			return false;
	return true;
}

/* .dynsym is part of .symtab where there is one; it may name what a stripped one does not. */
static void scan_tables(const struct source *source, const ElfW(Ehdr) *header,
	enum names_kind kind, struct name *names, unsigned count)
{
	static const uint32_t types[] = { SHT_SYMTAB, SHT_DYNSYM };
	struct table table;

	for (unsigned i = 0; i < FONDUE_COUNT(types); i++)
		if (!are_all_named(names, count) &&
			find_table(source, header, types[i], &table))
			scan(source, &table, kind, names, count);
}

static int name_from(const struct source *source, enum names_kind kind, struct name *names,
	unsigned count)
{
	ElfW(Ehdr) header;

	if (!read_header(source, &header))
		return -ENOEXEC;
	if (source->fd >= 0 && !is_what_is_mapped(source, &header))
		return -ESTALE;
	for (unsigned i = 0; i < count; i += BATCH_NAMES)
		scan_tables(source, &header, kind, names + i,
			count - i < BATCH_NAMES ? count - i : BATCH_NAMES);
	return 0;
}

int names_find(struct target *target, const struct binary *binary, enum names_kind kind,
	struct name *names, unsigned count, struct names_scratch *scratch)
{
	struct source source = { .fd = -1, .target = target, .start = binary->start,
		.binary = binary, .scratch = scratch };
	int result;

	for (unsigned i = 0; i < count; i++)
		names[i].text[0] = '\0';
	if (!binary->is_elf)
		return -ENOEXEC;
	if (*binary->path == '/')
		source.fd = sys_call(SYS_openat, AT_FDCWD, binary->path,
			O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (source.fd < 0 && *binary->path == '/')
		return source.fd;
	result = name_from(&source, kind, names, count);
	if (source.fd >= 0)
		(void)sys_call(SYS_close, source.fd);
	return result;
}
