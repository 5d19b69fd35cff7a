/* SPDX-License-Identifier: MIT */
/*
 * observe-symbols.c - from an address to the variable that lies there
 *
 * A variable is a symbol with a size: of .symtab, of the debug file, or, in what is
 * stripped, of those that are exported. Debug information adds where it is declared and
 * what it consists of. All that is read when the first byte of an object has changed, for
 * of most objects that a program has loaded none ever does.
 *
 * Several symbols may have one address: then it is the one that others may use, and the one
 * that looks least internal. What is static has the name of its file before it in the
 * table, which tells two of equal name apart.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "observe-symbols.h"

/* What no table of symbols reaches: it is damaged. */
#define SYMBOLS_MAX (16 << 20)

struct variables {
	struct variable_seen *list; /* by address */
	size_t count;
};

static bool is_variable(const GElf_Sym *symbol)
{
	int type = GELF_ST_TYPE(symbol->st_info);

	return (type == STT_OBJECT || type == STT_COMMON) && symbol->st_size &&
	       symbol->st_shndx != SHN_UNDEF &&
	       symbol->st_value + symbol->st_size > symbol->st_value;
}

static const char *without_version(const char *name)
{
	size_t length = strcspn(name, "@");

	return name[length] && length ? memory_format("%.*s", (int)length, name) : name;
}

static void add(struct variables *variables, const char *name, const GElf_Sym *symbol,
	uint64_t address, const char *source)
{
	bool is_local = GELF_ST_BIND(symbol->st_info) == STB_LOCAL;

	variables->list =
		memory_grow(variables->list, variables->count, sizeof(*variables->list));
	variables->list[variables->count++] = (struct variable_seen){
		.start = address,
		.end = address + symbol->st_size,
		.symbol = without_version(name),
		.source = is_local ? source : NULL,
		.is_global = !is_local,
		.seen = SEEN_NOBODY,
	};
}

static void read_symbols(struct variables *variables, const struct debuginfo *debuginfo)
{
	int count = debuginfo->module ? dwfl_module_getsymtab(debuginfo->module) : 0;
	const char *source = NULL;

	for (int i = 1; i < count && i < SYMBOLS_MAX; i++) {
		GElf_Addr address;
		GElf_Sym symbol;
		const char *name = dwfl_module_getsym_info(
			debuginfo->module, i, &symbol, &address, NULL, NULL, NULL);

		if (name && GELF_ST_TYPE(symbol.st_info) == STT_FILE)
			source = *name ? name : NULL;
		else if (name && *name && *name != '@' && is_variable(&symbol))
			add(variables, name, &symbol, address - debuginfo->bias, source);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct variable_seen *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	if (x->is_global != y->is_global)
		return x->is_global ? -1 : 1;
	return (int)strspn(x->symbol, "_") - (int)strspn(y->symbol, "_");
}

/* Of those with the same place the first stays. */
static void sort(struct variables *variables)
{
	size_t kept = 0;
	uint64_t reach = 0;

	if (variables->count)
		qsort(variables->list, variables->count, sizeof(*variables->list), by_place);
	for (size_t i = 0; i < variables->count; i++) {
		struct variable_seen *next = &variables->list[i];

		if (kept && variables->list[kept - 1].start == next->start &&
			variables->list[kept - 1].end == next->end)
			continue;
		reach = next->end > reach ? next->end : reach;
		next->reach = reach;
		variables->list[kept++] = *next;
	}
	variables->count = kept;
}

/* How many begin at or before it. */
static size_t count_before(const struct variables *variables, uint64_t address)
{
	size_t low = 0, high = variables->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (variables->list[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The last that begins before it and reaches it: the innermost. */
static struct variable_seen *find(const struct variables *variables, uint64_t address)
{
	for (size_t i = count_before(variables, address); i-- > 0;) {
		if (variables->list[i].reach <= address)
			return NULL;
		if (variables->list[i].end > address)
			return &variables->list[i];
	}
	return NULL;
}

static bool wants(uint64_t address, void *arg)
{
	struct variable_seen *variable = find(arg, address);

	return variable && variable->start == address && !variable->has_die;
}

static void describe(const struct place *place, void *arg)
{
	struct variable_seen *variable = find(arg, place->address);

	variable->has_die = true;
	variable->die = place->die;
	variable->name = place->name;
	variable->file = place->file;
	variable->line = place->line > 0 ? (unsigned)place->line : 0;
	variable->is_in_function = place->function != NULL;
}

/* The number that the psABI of each machine gives to R_*_COPY. */
static unsigned copy_relocation(const struct object *object)
{
	switch (object->header.e_machine) {
	case EM_X86_64:
		return R_X86_64_COPY;
	case EM_386:
		return R_386_COPY;
	case EM_AARCH64:
		return R_AARCH64_COPY;
	default:
		return 0;
	}
}

static void mark_copy(struct variables *variables, uint64_t address)
{
	struct variable_seen *variable = find(variables, address);

	if (variable && variable->start == address)
		variable->is_copy = true;
}

static void mark_copies(struct variables *variables, const struct object *object)
{
	unsigned wanted = copy_relocation(object);
	GElf_Shdr header;
	GElf_Rela entry;

	for (Elf_Scn *section = NULL; (section = elf_nextscn(object->elf, section));) {
		Elf_Data *data;

		if (!wanted || !gelf_getshdr(section, &header) || header.sh_type != SHT_RELA ||
			!(header.sh_flags & SHF_ALLOC))
			continue;
		data = elf_getdata(section, NULL);
		for (int i = 0; data && gelf_getrela(data, i, &entry); i++)
			if (GELF_R_TYPE(entry.r_info) == wanted)
				mark_copy(variables, entry.r_offset);
	}
}

static struct variables *read_variables(struct observed *observed)
{
	const struct debuginfo *debuginfo = observed_debuginfo(observed);
	struct variables *variables = memory_get(sizeof(*variables));

	read_symbols(variables, debuginfo);
	sort(variables);
	mark_copies(variables, &observed->object);
	if (variables->count)
		debuginfo_visit_places(debuginfo, wants, describe, variables);
	return variables;
}

struct variable_seen *symbols_at(struct observed *observed, uint64_t address)
{
	if (!observed->variables)
		observed->variables = read_variables(observed);
	return find(observed->variables, address);
}

void symbols_forget(void)
{
	for (struct observed *observed = observed_first(); observed;
		observed = observed->next) {
		observed->seen = SEEN_NOBODY;
		for (size_t i = 0; observed->variables && i < observed->variables->count; i++)
			observed->variables->list[i].seen = SEEN_NOBODY;
	}
}
