/* SPDX-License-Identifier: MIT */
/*
 * plan-symbols.c - three sources say where variables and functions are
 *
 * .symtab, in the object or in its separate debug file, has every variable; .dynsym only
 * the exported ones; .eh_frame has the bounds of functions even where no symbol is left.
 * Two symbols for the same bytes are one variable under two names. Without .symtab what
 * lies between the exported variables is taken for variables, too: unnamed ones, that
 * nobody can choose but that are not to be harmed.
 */
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debuginfo.h"
#include "memory.h"
#include "plan-symbols.h"

/* The largest usual alignment of variables: less than this between two may be padding. */
#define PADDING_MAX   64
#define FUNCTIONS_MAX 4000000

const char *datum_name(const struct datum *datum)
{
	if (datum->name)
		return datum->name;
	return datum->symbol ? datum->symbol : "(unnamed)";
}

static void add_datum(struct symbols *symbols, struct datum datum)
{
	symbols->data = memory_grow(symbols->data, symbols->datum_count, sizeof(datum));
	symbols->data[symbols->datum_count++] = datum;
}

static void add_label(struct symbols *symbols, struct datum datum)
{
	symbols->labels =
		memory_grow(symbols->labels, symbols->label_count, sizeof(datum));
	symbols->labels[symbols->label_count++] = datum;
}

static void add_function(struct symbols *symbols, struct function function)
{
	symbols->functions =
		memory_grow(symbols->functions, symbols->function_count, sizeof(function));
	symbols->functions[symbols->function_count++] = function;
}

static void add_symbol(struct symbols *symbols, const GElf_Sym *symbol, const char *name,
	const char *file, bool is_exported)
{
	const struct bytes *bytes = symbols->bytes;
	struct extent at = { symbol->st_value, symbol->st_value + symbol->st_size };
	int type = GELF_ST_TYPE(symbol->st_info);

	if (type == STT_OBJECT && !strcmp(name, "__dso_handle"))
		at.end = at.start + 8;
	if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || at.end < at.start)
		return;
	symbols->has_resolvers |= type == STT_GNU_IFUNC;
	if (type == STT_OBJECT && at.end > at.start && at.start >= bytes->data.start &&
		at.end <= bytes->data.end)
		add_datum(symbols, (struct datum){ .at = at,
					   .symbol = name,
					   .file = file,
					   .is_exported = is_exported });
	else if ((type == STT_FUNC || type == STT_GNU_IFUNC) && bytes_is_code(bytes, at.start))
		add_function(symbols,
			(struct function){
				.at = at, .name = name, .is_sized = at.end > at.start });
	else if ((type == STT_NOTYPE || type == STT_OBJECT) &&
		 extent_holds(bytes->data, at.start))
		add_label(symbols, (struct datum){ .at = at, .symbol = name, .file = file });
}

/* Without the version that linkers append to what is bound to a library's. */
static char *plain_name(const char *name)
{
	char *copy = memory_copy(name);

	copy[strcspn(copy, "@")] = '\0';
	return copy;
}

static void read_table(struct symbols *symbols, Elf *elf, Elf_Scn *scn, const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	bool is_exported = header->sh_type == SHT_DYNSYM;
	const char *file = NULL, *name;
	GElf_Sym symbol;

	symbols->has_locals |= !is_exported;
	for (int i = 1; data && gelf_getsym(data, i, &symbol); i++) {
		name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (!name || !*name)
			continue;
		if (GELF_ST_TYPE(symbol.st_info) == STT_FILE)
			file = memory_copy(name);
		else
			add_symbol(symbols, &symbol, plain_name(name),
				GELF_ST_BIND(symbol.st_info) == STB_LOCAL ? file : NULL,
				is_exported);
	}
}

static bool read_tables(struct symbols *symbols, Elf *elf)
{
	bool found = false;
	GElf_Shdr header;

	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
		if (!gelf_getshdr(scn, &header))
			continue;
		if (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM)
			continue;
		read_table(symbols, elf, scn, &header);
		found |= header.sh_type == SHT_SYMTAB;
	}
	return found;
}

static bool has_same_id(const struct bytes *bytes, Elf *elf)
{
	const void *id;
	ssize_t size = dwelf_elf_gnu_build_id(elf, &id);

	return size == (ssize_t)bytes->id_size && !memcmp(id, bytes->id, bytes->id_size);
}

static const char *read_debug_file(struct symbols *symbols, const char *path)
{
	const char *why = NULL;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);

	if (!elf || elf_kind(elf) != ELF_K_ELF)
		why = "it is not an ELF file";
	else if (!has_same_id(symbols->bytes, elf))
		why = "it is of another build: its build-id differs";
	else if (!read_tables(symbols, elf))
		why = "it has no symbol table";
	elf_end(elf);
	if (fd >= 0)
		close(fd);
	return why;
}

static bool wants_name(uint64_t address, void *arg)
{
	return extent_holds(((struct symbols *)arg)->bytes->data, address);
}

static void describe(struct datum *datum, const struct place *place)
{
	if (datum->at.start != place->address || datum->name)
		return;
	datum->name = place->name;
	datum->function = place->function;
	if (place->file)
		datum->file = place->file;
}

static void visit_name(const struct place *place, void *arg)
{
	struct symbols *symbols = arg;
	struct datum *datum = symbols_datum(symbols, place->address);
	size_t low = 0, high = symbols->name_count;

	if (datum)
		describe(datum, place);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->names[middle].at.start < place->address)
			low = middle + 1;
		else
			high = middle;
	}
	while (low < symbols->name_count && symbols->names[low].at.start == place->address)
		describe(&symbols->names[low++], place);
}

/* The source's names, too, if they are in it. */
static void read_debug_names(struct symbols *symbols, const char *path)
{
	struct object *object = memory_get(sizeof(*object));
	struct debuginfo debuginfo;

	if (object_open(object, path))
		return;
	debuginfo_open(&debuginfo, object);
	debuginfo_visit_places(&debuginfo, wants_name, visit_name, symbols);
}

/* libdwfl finds it by build-id and by .gnu_debuglink; it is opened anew. */
static void read_found_file(struct symbols *symbols, const struct debuginfo *debuginfo)
{
	const char *path = NULL;

	if (debuginfo->module)
		dwfl_module_info(debuginfo->module, NULL, NULL, NULL, NULL, NULL, NULL, &path);
	if (path)
		read_debug_file(symbols, path);
}

/*
 * .eh_frame_hdr: a sorted table of (start of function, its FDE), both as 32-bit offsets
 * from the header itself; the encoding that every linker writes. The FDE has the size.
 */
static void read_frames(struct symbols *symbols, uint64_t header)
{
	const struct bytes *bytes = symbols->bytes;
	static const uint8_t expected[] = { 1, 0x1b, 3, 0x3b };
	const uint8_t *head = bytes_at(bytes, header, 12);
	int32_t count, start, entry, size;

	if (!head || memcmp(head, expected, sizeof(expected)) != 0 ||
		!bytes_get32(bytes, header + 8, &count))
		return;
	for (int32_t i = 0; i < count && i < FUNCTIONS_MAX; i++) {
		uint64_t row = header + 12 + 8 * (uint64_t)i, first;

		if (!bytes_get32(bytes, row, &start) || !bytes_get32(bytes, row + 4, &entry) ||
			!bytes_get32(bytes, header + (uint64_t)(int64_t)entry + 12, &size))
			return;
		first = header + (uint64_t)(int64_t)start;
		if (bytes_is_code(bytes, first) && size > 0 &&
			bytes_at(bytes, first, (uint64_t)size))
			add_function(symbols,
				(struct function){ .at = { first, first + (uint64_t)size },
					.is_sized = true,
					.frame = header + (uint64_t)(int64_t)entry });
	}
}

static void read_functions(struct symbols *symbols)
{
	const struct object *object = symbols->bytes->object;
	GElf_Phdr p;

	for (size_t i = 0; i < object->segment_count; i++)
		if (gelf_getphdr(object->elf, (int)i, &p) && p.p_type == PT_GNU_EH_FRAME)
			read_frames(symbols, p.p_vaddr);
}

static int by_datum(const void *a, const void *b)
{
	const struct datum *x = a, *y = b;

	if (x->at.start != y->at.start)
		return x->at.start < y->at.start ? -1 : 1;
	if (x->at.end != y->at.end)
		return x->at.end > y->at.end ? -1 : 1; /* the larger first */
	return (x->file == NULL) - (y->file == NULL);
}

static int by_function(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->at.start != y->at.start)
		return x->at.start < y->at.start ? -1 : 1;
	return (x->name == NULL) - (y->name == NULL);
}

void symbols_sort(struct symbols *symbols)
{
	if (symbols->datum_count)
		qsort(symbols->data, symbols->datum_count, sizeof(*symbols->data), by_datum);
}

/* Names of one variable become one; what overlaps in part is one variable, too. */
static void merge_data(struct symbols *symbols)
{
	size_t kept = 0;

	symbols_sort(symbols);
	symbols->names = memory_get(symbols->datum_count * sizeof(*symbols->names));
	symbols->name_count = symbols->datum_count;
	if (symbols->name_count)
		memcpy(symbols->names, symbols->data,
			symbols->name_count * sizeof(*symbols->names));
	for (size_t i = 0; i < symbols->datum_count; i++) {
		struct datum *last = kept ? &symbols->data[kept - 1] : NULL;
		struct datum *next = &symbols->data[i];

		if (!last || next->at.start >= last->at.end) {
			symbols->data[kept++] = *next;
			continue;
		}
		last->is_exported |= next->is_exported;
		if (next->at.end > last->at.end)
			last->at.end = next->at.end;
	}
	symbols->datum_count = kept;
}

/* One that has no size reaches to the next; none reaches into the next. */
static void merge_functions(struct symbols *symbols)
{
	size_t kept = 0;
	struct function *list = symbols->functions;

	if (!symbols->function_count)
		return;
	qsort(list, symbols->function_count, sizeof(*list), by_function);
	for (size_t i = 0; i < symbols->function_count; i++) {
		struct function *last = kept ? &list[kept - 1] : NULL;

		if (last && last->at.start == list[i].at.start) {
			if (list[i].at.end > last->at.end)
				last->at.end = list[i].at.end;
			last->is_sized |= list[i].is_sized;
			if (!last->frame)
				last->frame = list[i].frame;
			continue;
		}
		list[kept++] = list[i];
	}
	symbols->function_count = kept;
	for (size_t i = 0; i < kept; i++) {
		const struct section_extent *section =
			bytes_section(symbols->bytes, list[i].at.start);
		uint64_t limit = i + 1 < kept && list[i + 1].at.start < section->at.end ?
					 list[i + 1].at.start :
					 section->at.end;

		if (list[i].at.end == list[i].at.start || list[i].at.end > limit)
			list[i].at.end = limit;
	}
}

const char *symbols_read(
	struct symbols *symbols, const struct bytes *bytes, const char *debug_file)
{
	struct debuginfo debuginfo;
	const char *why = NULL;

	*symbols = (struct symbols){ .bytes = bytes };
	debuginfo_open(&debuginfo, bytes->object);
	read_tables(symbols, bytes->object->elf);
	if (debug_file)
		why = read_debug_file(symbols, debug_file);
	else if (!symbols->has_locals)
		read_found_file(symbols, &debuginfo);
	if (why)
		return why;
	read_functions(symbols);
	merge_functions(symbols);
	merge_data(symbols);
	debuginfo_visit_places(&debuginfo, wants_name, visit_name, symbols);
	if (debug_file)
		read_debug_names(symbols, debug_file);
	return NULL; /* not closed: the names are in its memory */
}

static bool is_padding(const struct symbols *symbols, struct extent gap)
{
	if (!symbols->has_locals || gap.end - gap.start >= PADDING_MAX)
		return false;
	for (uint64_t at = gap.start; at < gap.end; at++) {
		const uint8_t *byte = bytes_at(symbols->bytes, at, 1);

		if (byte && *byte)
			return false;
	}
	return true;
}

void symbols_fill_gaps(struct symbols *symbols)
{
	const struct bytes *bytes = symbols->bytes;
	size_t count = symbols->datum_count;
	uint64_t end = bytes->data.start;

	for (size_t i = 0; i <= count; i++) {
		uint64_t next = i < count ? symbols->data[i].at.start : bytes->data.end;
		struct extent gap = { end, next };

		if (next > end && !is_padding(symbols, gap))
			add_datum(symbols, (struct datum){ .at = gap });
		if (i < count)
			end = symbols->data[i].at.end;
	}
	symbols_sort(symbols);
}

size_t symbols_first(const struct symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->datum_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->data[middle].at.end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct datum *symbols_datum(const struct symbols *symbols, uint64_t address)
{
	size_t i = symbols_first(symbols, address);

	return i < symbols->datum_count && extent_holds(symbols->data[i].at, address) ?
		       &symbols->data[i] :
		       NULL;
}

struct function *symbols_function(const struct symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->function_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->functions[middle].at.end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < symbols->function_count &&
			       extent_holds(symbols->functions[low].at, address) ?
		       &symbols->functions[low] :
		       NULL;
}

const char *symbols_place(const struct symbols *symbols, uint64_t address)
{
	size_t i = symbols_first(symbols, address);
	const struct datum *datum = i < symbols->datum_count ? &symbols->data[i] : NULL;
	const struct datum *before = i ? &symbols->data[i - 1] : NULL;

	if (datum && datum->symbol && address == datum->at.start && before &&
		before->at.end == address && before->symbol)
		return memory_format(
			"%s, which is the end of %s", datum_name(datum), datum_name(before));
	if (datum && datum->symbol && address == datum->at.start)
		return datum_name(datum);
	if (datum && datum->symbol && address > datum->at.start)
		return memory_format("%s+0x%lx", datum_name(datum),
			(unsigned long)(address - datum->at.start));
	if (before && before->at.end == address && before->symbol)
		return memory_format("the end of %s", datum_name(before));
	return memory_format("0x%lx", (unsigned long)address);
}

const char *symbols_code_place(const struct symbols *symbols, uint64_t address)
{
	const struct function *function = symbols_function(symbols, address);

	if (!function || !function->name)
		return memory_format("0x%lx", (unsigned long)address);
	return memory_format(
		"%s+0x%lx", function->name, (unsigned long)(address - function->at.start));
}
