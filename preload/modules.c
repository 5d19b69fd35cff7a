/* SPDX-License-Identifier: MIT */
/*
 * modules.c - dl_iterate_phdr, and nothing else, tells what is loaded
 *
 * No file is opened: the object on disk may have been deleted or replaced, and a process
 * without annotated objects must pay for nothing but this walk. Program headers are
 * trusted to be in memory, since the loader worked with them; what they say of notes is
 * not: a segment is read only where a readable PT_LOAD holds it.
 */
#include <sys/auxv.h>

#include "modules.h"
#include "text.h"

static modules_walk *walk_modules = dl_iterate_phdr;

void modules_set_walk(modules_walk *walk)
{
	if (walk)
		walk_modules = walk;
}

/* As many are read from the list at a time: a KiB of our caller's stack. */
#define BATCH 16

struct batch {
	unsigned first; /* index of the first wanted */
	unsigned index, count;
	struct module modules[BATCH];
};

/* The program has no name in the loader's list. */
static const char *program_name(void)
{
	const char *name = (const char *)getauxval(AT_EXECFN);

	return name ? name : "the program";
}

static struct module module_of(const struct dl_phdr_info *info, unsigned index)
{
	return (struct module){
		.name = info->dlpi_name,
		.is_program = index == 0,
		.base = info->dlpi_addr,
		.phdr = info->dlpi_phdr,
		.phnum = info->dlpi_phnum,
	};
}

static int read_one(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct batch *batch = arg;

	(void)size; /* of the fields that every libc has had from the start, nothing more */
	if (batch->index++ < batch->first)
		return 0;
	batch->modules[batch->count] = module_of(info, batch->index - 1);
	return ++batch->count == BATCH;
}

static void complete(struct module *module)
{
	if (module->is_program && (!module->name || !*module->name))
		module->name = program_name();
	for (unsigned i = 0; i < module->phnum; i++)
		if (module->phdr[i].p_type == PT_DYNAMIC)
			module->dynamic =
				(const void *)(module->base + module->phdr[i].p_vaddr);
}

int modules_visit(int (*visit)(const struct module *module, void *arg), void *arg)
{
	struct batch batch = { .first = 0 };
	int result = 0;

	do {
		batch.index = batch.count = 0;
		walk_modules(read_one, &batch);
		for (unsigned i = 0; !result && i < batch.count; i++) {
			complete(&batch.modules[i]);
			result = visit(&batch.modules[i], arg);
		}
		batch.first += batch.count;
	} while (!result && batch.count == BATCH);
	return result;
}

struct held {
	int (*visit)(const struct module *module, void *arg);
	void *arg;
	unsigned index;
};

static bool is_mapped(const void *at)
{
	uintptr_t page = align_down((uintptr_t)at, getpagesize());
	unsigned char is_resident;

	return sys_call(SYS_mincore, page, 1, &is_resident) != -ENOMEM;
}

/*
 * The lock keeps other threads out, but not a signal handler that interrupts dlclose(): what
 * that has unmapped is in the list for a moment more.
 */
static int visit_held(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct held *held = arg;
	struct module module = module_of(info, held->index++);

	(void)size;
	if (!is_mapped(module.phdr))
		return 0;
	complete(&module);
	if (module.dynamic && !is_mapped(module.dynamic))
		return 0;
	return held->visit(&module, held->arg);
}

int modules_visit_held(int (*visit)(const struct module *module, void *arg), void *arg)
{
	struct held held = { .visit = visit, .arg = arg };

	return walk_modules(visit_held, &held);
}

static int read_loads(struct dl_phdr_info *info, size_t size, void *ret_loads)
{
	if (size >= offsetof(struct dl_phdr_info, dlpi_adds) + sizeof(info->dlpi_adds))
		*(uint64_t *)ret_loads = info->dlpi_adds;
	return 1;
}

uint64_t modules_count_loads(void)
{
	uint64_t loads = 0;

	walk_modules(read_loads, &loads);
	return loads;
}

static bool holds_code(const struct module *module, uintptr_t code)
{
	return module_segment(module, PT_LOAD, code, 1);
}

bool module_is_underneath(const struct module *module)
{
	if (holds_code(module, (uintptr_t)module_is_underneath))
		return true;
	return !module->is_program && (holds_code(module, (uintptr_t)getpid) ||
					      holds_code(module, (uintptr_t)dl_iterate_phdr) ||
					      text_begins(text_base_name(module->name), "ld-"));
}

/* glibc gives only the program no name, and it is in the first namespace alone. */
bool modules_are_the_programs(void)
{
#ifdef __GLIBC__
	struct batch batch = { .first = 0 };

	walk_modules(read_one, &batch);
	return !batch.count || !batch.modules[0].name || !*batch.modules[0].name;
#else
	return true; /* there are no namespaces */
#endif
}

static bool is_readable(const struct module *module, uintptr_t start, size_t size)
{
	for (unsigned i = 0; i < module->phnum; i++) {
		const ElfW(Phdr) *p = &module->phdr[i];
		uintptr_t load = module->base + p->p_vaddr;

		if (p->p_type == PT_LOAD && (p->p_flags & PF_R) && load <= start &&
			size <= p->p_memsz && start - load <= p->p_memsz - size)
			return true;
	}
	return false;
}

static void fill_image(const struct module *module, struct image *image)
{
	*image = (struct image){
		.base = module->base,
		.page_size = getauxval(AT_PAGESZ),
		.word = sizeof(void *),
	};
	for (unsigned i = 0; i < module->phnum && i < IMAGE_SEGMENTS_MAX; i++) {
		const ElfW(Phdr) *p = &module->phdr[i];
		uintptr_t start = module->base + p->p_vaddr;

		image->segments[image->count++] = (struct segment){
			.type = p->p_type,
			.flags = p->p_flags,
			.start = start,
			.end = start + p->p_memsz,
			.file_end = start + p->p_filesz,
		};
	}
}

/* The GOT of lazy binding lies outside of RELRO; no header but this entry tells where. */
static void check_got(const struct module *module, struct proof *proof)
{
	uintptr_t got = (uintptr_t)module_dynamic_pointer(module, DT_PLTGOT);

	for (unsigned kind = 0; got && kind < KIND_COUNT; kind++)
		if (ranges_meet(got, got + 1, proof->ranges[kind].start,
			    proof->ranges[kind].stop))
			proof_refuse(proof, REASON_FOREIGN, kind_name[kind], got);
}

bool module_prove(const struct module *module, struct image *ret_image,
	struct proof *ret_proof)
{
	bool begun = false;

	for (unsigned i = 0; i < module->phnum; i++) {
		const ElfW(Phdr) *p = &module->phdr[i];
		uintptr_t start = module->base + p->p_vaddr;
		enum note_result result;
		struct note note;
		size_t pos = 0;

		if (p->p_type != PT_NOTE || !is_readable(module, start, p->p_memsz))
			continue;
		while ((result = note_next((const void *)start, p->p_memsz, start,
				sizeof(void *), &pos, &note)) != NOTE_END) {
			if (!begun) {
				fill_image(module, ret_image);
				proof_begin(ret_proof, ret_image);
				begun = true;
			}
			proof_add(ret_proof, result, &note);
		}
	}
	if (!begun)
		return false;
	if (module->phnum > IMAGE_SEGMENTS_MAX)
		proof_refuse(ret_proof, REASON_TOO_MANY_SEGMENTS, NULL, module->phnum);
	if (proof_finish(ret_proof))
		check_got(module, ret_proof);
	return true;
}

static bool has_note(const struct module *module, bool (*tells)(const void *, size_t))
{
	for (unsigned i = 0; i < module->phnum; i++) {
		const ElfW(Phdr) *p = &module->phdr[i];
		uintptr_t start = module->base + p->p_vaddr;

		if (p->p_type == PT_NOTE && is_readable(module, start, p->p_memsz) &&
			tells((const void *)start, p->p_memsz))
			return true;
	}
	return false;
}

bool module_has_locks(const struct module *module)
{
	return has_note(module, note_tells_locks);
}

bool module_has_heap(const struct module *module)
{
	return has_note(module, note_tells_heap);
}

const ElfW(Phdr) *module_segment(
	const struct module *module, uint32_t type, uintptr_t address, size_t size)
{
	for (unsigned i = 0; i < module->phnum; i++) {
		const ElfW(Phdr) *p = &module->phdr[i];
		uintptr_t offset = address - module->base - p->p_vaddr;

		if (p->p_type == type && offset < p->p_memsz && size <= p->p_memsz - offset)
			return p;
	}
	return NULL;
}

/* Every multiple of 4 is tried: what sizes in between say misleads (see note.h). */
static const uint8_t *find_build_id(const uint8_t *bytes, size_t size, uint32_t *ret_size)
{
	for (size_t pos = 0; pos + sizeof(ElfW(Nhdr)) + 4 <= size; pos += 4) {
		const ElfW(Nhdr) *note = (const void *)(bytes + pos);
		const uint8_t *name = (const void *)(note + 1);

		if (note->n_type != NT_GNU_BUILD_ID || note->n_namesz != 4 || !note->n_descsz ||
			note->n_descsz > size - pos - sizeof(*note) - 4 || name[0] != 'G' ||
			name[1] != 'N' || name[2] != 'U' || name[3])
			continue;
		*ret_size = note->n_descsz;
		return name + 4;
	}
	return NULL;
}

const uint8_t *module_build_id(const struct module *module, uint32_t *ret_size)
{
	for (unsigned i = 0; i < module->phnum; i++) {
		const ElfW(Phdr) *p = &module->phdr[i];
		uintptr_t start = module->base + p->p_vaddr;
		const uint8_t *id = NULL;

		if (p->p_type == PT_NOTE && is_readable(module, start, p->p_memsz))
			id = find_build_id((const void *)start, p->p_memsz, ret_size);
		if (id)
			return id;
	}
	return NULL;
}

uint64_t module_dynamic_value(const struct module *module, int64_t tag)
{
	for (const ElfW(Dyn) *d = module->dynamic; d && d->d_tag != DT_NULL; d++)
		if (d->d_tag == tag)
			return d->d_un.d_val;
	return 0;
}

const void *module_dynamic_pointer(const struct module *module, int64_t tag)
{
	uintptr_t address = module_dynamic_value(module, tag);

	if (!address)
		return NULL;
	/* glibc has made it absolute in place, on most targets; musl leaves it as it was */
	return (const void *)(address >= module->base ? address : module->base + address);
}
