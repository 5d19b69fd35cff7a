/* SPDX-License-Identifier: MIT */
/*
 * relocations.c - the dynamic section's tables
 *
 * They lie in memory as the loader has used them. What they do not tell is how many symbols
 * there are: the loader looks symbols up by hash only, and the end of the last chain is the end
 * of the table.
 */
#include "relocations.h"
#include "text.h"

#define VERSION_MASK 0x7fff /* the other bit hides a symbol */

static struct relocations table(const struct module *module, int64_t where, int64_t size)
{
	struct relocations r = {
		.first = module_dynamic_pointer(module, where),
		.symbols = module_dynamic_pointer(module, DT_SYMTAB),
		.names = module_dynamic_pointer(module, DT_STRTAB),
	};

	if (r.first && r.symbols && r.names)
		r.count = module_dynamic_value(module, size) / sizeof(*r.first);
	return r;
}

struct relocations relocations_of(const struct module *module)
{
	return table(module, DT_RELA, DT_RELASZ);
}

struct relocations relocations_of_calls(const struct module *module)
{
	return table(module, DT_JMPREL, DT_PLTRELSZ);
}

bool relocations_need(const struct module *user, const struct module *library)
{
	const char *names = module_dynamic_pointer(user, DT_STRTAB);
	const char *own = module_dynamic_pointer(library, DT_STRTAB);
	const char *soname = own ? own + module_dynamic_value(library, DT_SONAME) : "";

	for (const ElfW(Dyn) *d = user->dynamic; names && d && d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_NEEDED &&
			(text_equals(text_base_name(names + d->d_un.d_val), soname) ||
				text_equals(text_base_name(names + d->d_un.d_val),
					text_base_name(library->name))))
			return true;
	return false;
}

size_t relocations_count_symbols(const struct module *module)
{
	const uint32_t *hash = module_dynamic_pointer(module, DT_HASH);
	const uint32_t *gnu = module_dynamic_pointer(module, DT_GNU_HASH);
	const uint32_t *buckets, *chains;
	uint32_t last = 0;

	if (hash && !gnu)
		return hash[1];
	if (!gnu)
		return 0;
	/* header: buckets, first hashed symbol, Bloom words (of a pointer each), shift */
	buckets = gnu + 4 + gnu[2] * (sizeof(uintptr_t) / sizeof(*gnu));
	chains = buckets + gnu[0];
	for (uint32_t i = 0; i < gnu[0]; i++)
		if (buckets[i] > last)
			last = buckets[i];
	if (last < gnu[1])
		return gnu[1];
	while (!(chains[last - gnu[1]] & 1)) /* the last of a chain has its low bit set */
		last++;
	return last + 1;
}

/* The table of hashes begins with what is defined. */
size_t relocations_first_defined(const struct module *module)
{
	const uint32_t *gnu = module_dynamic_pointer(module, DT_GNU_HASH);

	return gnu && !module->is_program ? gnu[1] : SIZE_MAX;
}

static const ElfW(Vernaux) * version_of(const ElfW(Verneed) * need, unsigned version)
{
	const ElfW(Vernaux) *aux = (const void *)((const char *)need + need->vn_aux);

	for (unsigned i = 0; i < need->vn_cnt; i++) {
		if (aux->vna_other == version)
			return aux;
		aux = (const void *)((const char *)aux + aux->vna_next);
	}
	return NULL;
}

const char *relocations_version(const struct module *module, size_t symbol)
{
	const ElfW(Half) *versions = module_dynamic_pointer(module, DT_VERSYM);
	const ElfW(Verneed) *need = module_dynamic_pointer(module, DT_VERNEED);
	const char *names = module_dynamic_pointer(module, DT_STRTAB);
	uint64_t count = module_dynamic_value(module, DT_VERNEEDNUM);
	const ElfW(Vernaux) * found;

	for (uint64_t i = 0; versions && need && names && i < count; i++) {
		found = version_of(need, versions[symbol] & VERSION_MASK);
		if (found)
			return names + found->vna_name;
		need = (const void *)((const char *)need + need->vn_next);
	}
	return NULL;
}
