/* SPDX-License-Identifier: MIT */
/*
 * object.c - what a linker and a loader would have made
 */
#include "object.h"

const char object_shared[] = "ppssp" "ssppppp";
const char object_private[] = "pppppppppppp";

#define LOADED_MAX 80
static struct object *loaded[LOADED_MAX];
static unsigned loaded_count;

uint64_t object_at(const struct object *object, unsigned page)
{
	return (uintptr_t)object->pages + page * page_size();
}

static bool is_zero_page(unsigned page)
{
	return page == PAGE_ZERO || page == PAGE_ZERO + 1;
}

uint8_t object_byte(unsigned page, size_t offset)
{
	return is_zero_page(page) ? 0 : page * 31 + offset * 7 + (offset >> 8) + 1;
}

ElfW(Phdr) *object_add_phdr(struct object *object, uint32_t type, unsigned page, size_t size)
{
	ElfW(Phdr) *phdr = &object->phdr[object->phnum++];

	if (object->phnum > OBJECT_PHDRS_MAX)
		tap_bail_out("too many program headers");
	*phdr = (ElfW(Phdr)){ .p_type = type, .p_flags = PF_R, .p_vaddr = page * page_size(),
		.p_filesz = size, .p_memsz = size, .p_align = 4 };
	return phdr;
}

ElfW(Phdr) *object_phdr(struct object *object, uint32_t type, unsigned index)
{
	for (unsigned i = 0; i < object->phnum; i++)
		if (object->phdr[i].p_type == type && index-- == 0)
			return &object->phdr[i];
	tap_bail_out("no such program header");
}

static void fill(struct object *object)
{
	for (unsigned page = 0; page < OBJECT_TABLES; page++)
		for (size_t i = 0; i < page_size() && !is_zero_page(page); i++)
			object->pages[page * page_size() + i] = object_byte(page, i);
}

void object_write_note(struct object *object, size_t place)
{
	uint8_t *at = object->pages + place;
	uint8_t bytes[WIRE_SIZE_MAX];

	wire_write(bytes, (uintptr_t)at, sizeof(void *), &object->note);
	memcpy(at, bytes, sizeof(bytes));
}

static void make_note(struct object *object)
{
	uint64_t shared = object_at(object, PAGE_SHARED), zero = object_at(object, PAGE_ZERO);

	object->binding = (void *)(object_at(object, PAGE_BEFORE) + 64);
	*object->binding = (struct fondue_binding){ 0 };
	object->note = (struct note){ .abi = FONDUE_ABI, .align = page_size(),
		.at = { { shared, shared, shared + 2 * page_size() },
			{ zero, zero, zero + 2 * page_size() } },
		.binding = (uintptr_t)object->binding };
	object_write_note(object, 64);
}

void object_make(struct object *object, const char *name)
{
	ElfW(Phdr) *data;

	*object = (struct object){ .name = name, .pages = make_pages(OBJECT_PAGES) };
	fill(object);
	make_note(object);
	object_add_phdr(object, PT_LOAD, PAGE_NOTE, page_size());
	data = object_add_phdr(object, PT_LOAD, PAGE_BEFORE, (OBJECT_PAGES - 1) * page_size());
	data->p_flags = PF_R | PF_W;
	data->p_filesz = (PAGE_BETWEEN - PAGE_BEFORE) * page_size() + page_size() / 2;
	object_add_phdr(object, PT_NOTE, PAGE_NOTE, page_size());
	object_add_phdr(object, PT_GNU_STACK, 0, 0);
}

void object_load(struct object *object)
{
	if (loaded_count == LOADED_MAX)
		tap_bail_out("too many objects");
	loaded[loaded_count++] = object;
}

int object_walk(int (*visit)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	int result = 0;

	for (unsigned i = 0; i < loaded_count && !result; i++) {
		struct dl_phdr_info info = {
			.dlpi_addr = (uintptr_t)loaded[i]->pages,
			.dlpi_name = loaded[i]->name,
			.dlpi_phdr = loaded[i]->phdr,
			.dlpi_phnum = loaded[i]->phnum,
			.dlpi_adds = loaded_count,
		};

		result = visit(&info, sizeof(info), arg);
	}
	return result;
}

struct module object_module(const struct object *object)
{
	return (struct module){ .name = object->name, .base = (uintptr_t)object->pages,
		.phdr = object->phdr, .phnum = object->phnum, .dynamic = object->dynamic };
}

bool object_is_whole(const struct object *object, int except)
{
	size_t binding = (uintptr_t)object->binding - (uintptr_t)object->pages;

	for (unsigned page = PAGE_BEFORE; page < OBJECT_TABLES; page++)
		for (size_t i = 0; i < page_size() && (int)page != except; i++) {
			size_t at = page * page_size() + i;

			if (at - binding < sizeof(struct fondue_binding))
				continue;
			if (object->pages[at] != object_byte(page, i)) {
				tap_note("  page %u differs at %zu", page, i);
				return false;
			}
		}
	return true;
}

/* In the child: change the last byte of each page. */
static void flip(uint8_t *pages)
{
	for (unsigned page = 0; page < OBJECT_PAGES; page++)
		pages[(page + 1) * page_size() - 1] ^= 0xff;
}

const char *object_sharing(const struct object *object)
{
	static char letters[OBJECT_PAGES + 1];
	uint8_t before[OBJECT_PAGES];
	pid_t pid;

	for (unsigned page = 0; page < OBJECT_PAGES; page++)
		before[page] = object->pages[(page + 1) * page_size() - 1];
	pid = fork();
	if (pid == 0) {
		flip(object->pages);
		_exit(CHILD_GOOD);
	}
	if (unit_wait(pid) != CHILD_GOOD)
		return "the child failed";
	for (unsigned page = 0; page < OBJECT_PAGES; page++) {
		uint8_t *byte = &object->pages[(page + 1) * page_size() - 1];

		letters[page] = *byte == before[page] ? 'p' : 's';
		*byte = before[page];
	}
	return letters;
}

void *object_put(struct object *object, const void *bytes, size_t size)
{
	uint8_t *at = object->pages + OBJECT_TABLES * page_size() + object->put;

	object->put = (object->put + size + 15) / 16 * 16;
	if (object->put > (OBJECT_PAGES - OBJECT_TABLES) * page_size())
		tap_bail_out("the tables of an object are full");
	memcpy(at, bytes, size);
	return at;
}

void object_put_dynamic(struct object *object, int64_t tag, uint64_t value)
{
	static const ElfW(Dyn) nothing[OBJECT_DYNAMIC_MAX];

	if (!object->dynamic) {
		object->dynamic = object_put(object, nothing, sizeof(nothing));
		object_add_phdr(object, PT_DYNAMIC, 0, sizeof(nothing))->p_vaddr =
			(uint8_t *)object->dynamic - object->pages;
	}
	if (object->dynamic_count + 1 == OBJECT_DYNAMIC_MAX)
		tap_bail_out("the dynamic section of an object is full");
	object->dynamic[object->dynamic_count].d_tag = tag;
	object->dynamic[object->dynamic_count++].d_un.d_val = value;
}

/* nbucket, nchain, then both tables, which nobody walks here */
static void put_sysv_hash(struct object *object, unsigned count)
{
	const uint32_t hash[] = { 1, count + 1, 1 };

	object_put_dynamic(
		object, DT_HASH, (uintptr_t)object_put(object, hash, sizeof(hash)));
}

/* Two buckets, the second with all of the defined symbols in its chain. */
static void put_gnu_hash(struct object *object, unsigned first, unsigned count)
{
	struct {
		uint32_t buckets, first, bloom_words, shift;
		uintptr_t bloom[2];
		uint32_t bucket[2];
		uint32_t chain[64];
	} hash = { .buckets = 2, .first = first, .bloom_words = 2,
		.bucket = { 0, first <= count ? first : 0 } };

	for (unsigned i = first; i <= count; i++)
		hash.chain[i - first] = 0x1000 * i | (i == count); /* the last one is odd */
	object_put_dynamic(
		object, DT_GNU_HASH, (uintptr_t)object_put(object, &hash, sizeof(hash)));
}

void object_put_symbols(
	struct object *object, const struct object_symbol *symbols, unsigned count, int hashes)
{
	ElfW(Sym) table[32] = { { 0 } };
	unsigned first = 1;
	char names[512] = "";
	size_t used = 1;

	for (unsigned i = 1; i <= count; i++) {
		const struct object_symbol *symbol = &symbols[i - 1];

		table[i].st_name = used;
		used += stpcpy(names + used, symbol->name) - (names + used) + 1;
		table[i].st_shndx = symbol->address ? 1 : SHN_UNDEF;
		table[i].st_value =
			symbol->address ? symbol->address - (uintptr_t)object->pages : 0;
		first += !symbol->address;
	}
	object_put_dynamic(object, DT_SYMTAB,
		(uintptr_t)object_put(object, table, (count + 1) * sizeof(table[0])));
	object_put_dynamic(
		object, DT_STRTAB, (uintptr_t)object_put(object, names, sizeof(names)));
	if (hashes & HASH_SYSV)
		put_sysv_hash(object, count);
	if (hashes & HASH_GNU)
		put_gnu_hash(object, first, count);
}

void object_put_relocations(
	struct object *object, const struct object_relocation *relocations, unsigned count)
{
	ElfW(Rela) table[32];

	for (unsigned i = 0; i < count; i++)
		table[i] = (ElfW(Rela)){
			.r_offset = relocations[i].address - (uintptr_t)object->pages,
			.r_info = ELF64_R_INFO(
				(uint64_t)relocations[i].symbol, relocations[i].type),
			.r_addend = relocations[i].addend,
		};
	object_put_dynamic(object, DT_RELA,
		(uintptr_t)object_put(object, table, count * sizeof(table[0])));
	object_put_dynamic(object, DT_RELASZ, count * sizeof(table[0]));
	object_put_dynamic(object, DT_RELAENT, sizeof(table[0]));
}
