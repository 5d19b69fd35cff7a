/* SPDX-License-Identifier: MIT */
/*
 * exact.c - a constant distance for all variables of an object
 *
 * A global is reached by a displacement in an instruction, by an address that the loader has
 * written into data, or by name. All three are numbers that differ by the same amount if the
 * variable lies somewhere else: so the pages of the variables get a second place, at a constant
 * distance, and that is added to every number that refers to one of them. Of an instruction
 * only the four bytes of the displacement change, never its length. What the plan does not
 * name keeps its place, also in the same page: it is in both places then, and nobody ever
 * refers to the one that is shared.
 *
 *	in the object	displacements, pointers: the plan lists them
 *	in any object	GOT slots and pointers that were bound by name: found by what they hold
 *	by name		the dynamic symbol itself: for dlsym(), and for objects that come later
 *
 * First everything is looked at, then a place is found, then all pages that must change are made
 * writable: until then nothing has changed, and what fails is undone. The code comes first, for
 * a kernel may allow to write to it and forbid to execute what was written (SELinux's execmod);
 * then the file's own pages are put back in its place.
 */
#include <sys/mman.h>

#include "exact.h"
#include "areas.h"
#include "moved.h"
#include "opened.h"
#include "pages.h"
#include "relocations.h"
#include "text.h"

struct job {
	const struct plan *plan;
	const struct module *module;
	struct plan_refusal *refusal;
	struct span span; /* of pages that hold variables */
	intptr_t delta;
	size_t page_size;
	bool writes_code; /* of code and data the one that is being written to */
	struct opened opened;
};

/* Something at an address of an object is to change. Return: go on? */
typedef bool visit(
	struct job *job, const struct module *module, uintptr_t address, size_t size);

static bool refuse(struct job *job, const char *cause, const char *cure, uint64_t value)
{
	*job->refusal = (struct plan_refusal){ .cause = cause, .cure = cure, .value = value };
	return false;
}

static bool refuse_text(struct job *job, uint64_t at)
{
	return refuse(job, "the object in memory differs from it at 0x%lx",
		"make the plan of the object as it is loaded, with fondue plan; other tools that "
		"change code in memory cannot be combined with it",
		at);
}

static const struct plan_variable *variable_at(const struct job *job, uintptr_t address)
{
	const struct plan_variable *v = job->plan->variables;
	uint32_t low = 0, high = job->plan->header->variables;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		uintptr_t start = job->module->base + v[middle].address;

		if (address - start < v[middle].size)
			return &v[middle];
		if (address < start)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/*
 * Where it is written to: a part of a variable that moves is written to where that goes, and of
 * one that another plan has moved, to where it is.
 */
static uintptr_t place_of(const struct job *job, uintptr_t address)
{
	return variable_at(job, address) ? address + job->delta : moved_place(address);
}

/* Before anything changes */

static bool check_variables(struct job *job)
{
	for (uint32_t i = 0; i < job->plan->header->variables; i++) {
		const struct plan_variable *v = &job->plan->variables[i];
		uintptr_t start = job->module->base + v->address;
		const ElfW(Phdr) *load = module_segment(job->module, PT_LOAD, start, v->size);

		if (!load || !(load->p_flags & PF_W) || (load->p_flags & PF_X) ||
			module_segment(job->module, PT_GNU_RELRO, start, 1))
			return refuse(job, "a variable lies outside of the object's data (0x%lx)",
				"make the plan again, with fondue plan", v->address);
		span_add(&job->span, align_down(start, job->page_size),
			align_down(start + v->size + job->page_size - 1, job->page_size));
	}
	return true;
}

/* An instruction need not be aligned, nor what is in it. */
struct displacement {
	int32_t value;
} __attribute__((packed));

static bool check_references(struct job *job)
{
	for (uint32_t i = 0; i < job->plan->header->references; i++) {
		const struct plan_reference *r = &job->plan->references[i];
		uintptr_t at = job->module->base + r->at;

		if (!segment_is_code(module_segment(job->module, PT_LOAD, at, sizeof(int32_t))) ||
			((const struct displacement *)at)->value != r->displacement)
			return refuse_text(job, r->at);
		span_reach(&job->span, r->displacement);
	}
	return true;
}

static bool check_pointers(struct job *job)
{
	for (uint32_t i = 0; i < job->plan->header->pointers; i++) {
		const struct plan_pointer *p = &job->plan->pointers[i];
		uintptr_t at = job->module->base + p->at;
		const ElfW(Phdr) *load = module_segment(job->module, PT_LOAD, at, sizeof(uintptr_t));

		if (!load || !(load->p_flags & PF_W) || !is_aligned(at, sizeof(uintptr_t)) ||
			*(const uintptr_t *)moved_place(at) != job->module->base + p->value)
			return refuse_text(job, p->at);
	}
	return true;
}

/* The loader has bound the object's own uses of its variable to somebody else's. */
static bool check_binding(struct job *job)
{
	struct relocations r = relocations_of(job->module);

	for (size_t i = 0; i < r.count; i++) {
		const ElfW(Sym) *symbol = relocation_symbol(&r, &r.first[i]);
		uintptr_t address = job->module->base + symbol->st_value;

		if (relocation_is_address(&r.first[i]) && symbol->st_shndx != SHN_UNDEF &&
			variable_at(job, address) &&
			*(const uintptr_t *)(job->module->base + r.first[i].r_offset) !=
				address + r.first[i].r_addend)
			return refuse(job, "another object's variable of the same name is used "
					   "instead, at 0x%lx",
				"plan that object, or rename one of the two",
				*(const uintptr_t *)(job->module->base + r.first[i].r_offset));
	}
	return true;
}

/* Of a variable that moves, by this name? */
static bool is_exported(const struct job *job, const char *name)
{
	struct relocations r = relocations_of(job->module);
	size_t count = relocations_count_symbols(job->module);

	for (size_t i = 1; r.symbols && r.names && i < count; i++) {
		const ElfW(Sym) *symbol = &r.symbols[i];

		if (symbol->st_shndx != SHN_UNDEF &&
			ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT &&
			variable_at(job, job->module->base + symbol->st_value) &&
			text_equals(r.names + symbol->st_name, name))
			return true;
	}
	return false;
}

static int check_copies_of(const struct module *module, void *arg)
{
	struct job *job = arg;
	struct relocations r = relocations_of(module);

	for (size_t i = 0; module->base != job->module->base && i < r.count; i++)
		if (ELF64_R_TYPE(r.first[i].r_info) == R_COPY &&
			is_exported(job, r.names + relocation_symbol(&r, &r.first[i])->st_name)) {
			refuse(job, "the program has a copy of a variable of it, at 0x%lx, and "
				    "uses that",
				"share the program's, by its name without the library's",
				module->base + r.first[i].r_offset);
			return 1;
		}
	return 0;
}

/* By a copy relocation: the library itself need not refer to it. */
static bool check_copies(struct job *job)
{
	return !modules_visit(check_copies_of, job);
}

/* All that changes */

static bool visit_references(struct job *job, visit *act)
{
	const struct plan *plan = job->plan;

	for (uint32_t i = 0; i < plan->header->references; i++)
		if (!act(job, job->module, job->module->base + plan->references[i].at,
			    sizeof(int32_t)))
			return false;
	return true;
}

static bool visit_pointers(struct job *job, visit *act)
{
	const struct plan *plan = job->plan;

	for (uint32_t i = 0; i < plan->header->pointers; i++)
		if (!act(job, job->module, job->module->base + plan->pointers[i].at,
			    sizeof(uintptr_t)))
			return false;
	return true;
}

static bool is_planned(const struct job *job, uintptr_t address)
{
	const struct plan_pointer *p = job->plan->pointers;
	uint32_t low = 0, high = job->plan->header->pointers;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (job->module->base + p[middle].at == address)
			return true;
		if (job->module->base + p[middle].at < address)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

struct slots {
	struct job *job;
	visit *act;
	bool good;
};

/* Bound by name, under whichever: an alias has the same address. */
static int visit_slots_of(const struct module *module, void *arg)
{
	struct slots *slots = arg;
	struct relocations r = relocations_of(module);

	for (size_t i = 0; slots->good && i < r.count; i++) {
		uintptr_t at = module->base + r.first[i].r_offset, holds;

		if (!relocation_is_address(&r.first[i]) || is_planned(slots->job, at))
			continue;
		holds = *(const uintptr_t *)place_of(slots->job, at) - r.first[i].r_addend;
		if (variable_at(slots->job, holds))
			slots->good = slots->act(slots->job, module, at, sizeof(at));
	}
	return !slots->good;
}

static bool visit_slots(struct job *job, visit *act)
{
	struct slots slots = { .job = job, .act = act, .good = true };

	modules_visit(visit_slots_of, &slots);
	return slots.good;
}

/* Who was linked with it runs after it; of others nobody knows. */
static bool is_unused(
	struct job *job, const struct module *module, uintptr_t address, size_t size)
{
	(void)size;
	if (module->base == job->module->base || relocations_need(module, job->module))
		return true;
	return refuse(job, "an object that has run before it uses a variable of it (slot 0x%lx)",
		"load it with the program, or link that object with it", address);
}

static bool visit_symbols(struct job *job, visit *act)
{
	struct relocations r = relocations_of(job->module);
	size_t count = relocations_count_symbols(job->module);

	for (size_t i = 1; i < count; i++) {
		const ElfW(Sym) *symbol = &r.symbols[i];

		if (symbol->st_shndx != SHN_UNDEF && symbol->st_shndx < SHN_LORESERVE &&
			ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT &&
			variable_at(job, job->module->base + symbol->st_value) &&
			!act(job, job->module, (uintptr_t)&symbol->st_value,
				sizeof(symbol->st_value)))
			return false;
	}
	return true;
}

static bool visit_all(struct job *job, visit *act)
{
	return visit_references(job, act) && visit_pointers(job, act) && visit_slots(job, act) &&
	       visit_symbols(job, act);
}

/* Before the first change: what cannot be opened is refused. */
static bool open_page(
	struct job *job, const struct module *module, uintptr_t address, size_t size)
{
	long error;

	if (place_of(job, address) != address)
		return true;
	error = opened_add(&job->opened, module, address, size);
	if (error == -ENOENT)
		return refuse(job, "something at 0x%lx refers to a variable, outside of any object",
			"annotate the variable instead", address);
	if (error == -E2BIG)
		return refuse(job, "too many objects use its variables", "annotate them instead", 0);
	if (error)
		return refuse(job, "its object's pages may not be written to (error %lu)",
			"allow mprotect in the sandbox's policy", -error);
	return true;
}

/* Changing */

static bool change(struct job *job, const struct module *module, uintptr_t address, size_t size)
{
	(void)module;
	if (opened_is_code(&job->opened, address) != job->writes_code)
		return true;
	address = place_of(job, address);
	if (size == sizeof(int32_t))
		((struct displacement *)address)->value += (int32_t)job->delta;
	else
		*(uintptr_t *)address += job->delta;
	return true;
}

/* Up to here the file has filled the page, or nobody has. */
static uint64_t file_end(const struct job *job, uintptr_t start)
{
	const ElfW(Phdr) *load = module_segment(job->module, PT_LOAD, start, 1);

	return load ? job->module->base + load->p_vaddr + load->p_filesz : UINT64_MAX;
}

/* The pages that [start, end) lies in, shared, with what is in them. */
static bool share_pages(struct job *job, uintptr_t start, uintptr_t end)
{
	long at = sys_call(SYS_mmap, start + job->delta, end - start, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	struct range range = { .start = start, .stop = end, .file_end = file_end(job, start) };

	if (sys_failed(at))
		return refuse(job, "the kernel gave no memory for it (error %lu)",
			"raise ulimit -v or the memory limit", -at);
	pages_copy(&range, (void *)at, job->page_size);
	return true;
}

/* Variables by address: those that share a page are one piece. */
static bool share_all_pages(struct job *job)
{
	uintptr_t start = 0, end = 0;

	for (uint32_t i = 0; i < job->plan->header->variables; i++) {
		const struct plan_variable *v = &job->plan->variables[i];
		uintptr_t from = align_down(job->module->base + v->address, job->page_size);

		if (end && from > end) {
			if (!share_pages(job, start, end))
				return false;
			end = 0;
		}
		if (!end)
			start = from;
		end = align_down(job->module->base + v->address + v->size + job->page_size - 1,
			job->page_size);
	}
	return share_pages(job, start, end);
}

static bool change_all(struct job *job)
{
	long error;

	job->writes_code = true;
	(void)visit_all(job, change);
	error = opened_close_code(&job->opened);
	if (error) {
		opened_close_data(&job->opened);
		return refuse(job, "the kernel does not let changed code be executed (error %lu)",
			"allow execmod in the machine's policy, or annotate the variables instead",
			-error);
	}
	job->writes_code = false;
	(void)visit_all(job, change);
	opened_close_data(&job->opened);
	return true;
}

static bool carry_out(struct job *job)
{
	if (!share_all_pages(job))
		return false;
	if (visit_all(job, open_page))
		return change_all(job);
	opened_close_unchanged(&job->opened);
	return false;
}

static bool carry_out_and_remember(struct job *job)
{
	struct moved *moved = moved_prepare(job->plan, job->module->base, job->delta);

	if (!moved)
		return refuse(job, "there is no memory to remember them", "raise ulimit -v", 0);
	if (!carry_out(job)) {
		moved_abandon(moved);
		return false;
	}
	moved_remember(moved);
	return true;
}

bool exact_share(const struct plan *plan, const struct module *module, bool is_late,
	struct exact *ret, struct plan_refusal *ret_refusal)
{
	struct job job = { .plan = plan, .module = module, .refusal = ret_refusal,
		.page_size = getpagesize() };

	opened_begin(&job.opened, job.page_size);
	span_begin(&job.span);
	/* who is bound to another's variable has pointers that differ: that comes before them */
	if (!check_variables(&job) || !check_references(&job) || !check_binding(&job) ||
		!check_copies(&job) || !check_pointers(&job))
		return false;
	if (is_late && !visit_slots(&job, is_unused))
		return false;
	if (!span_reserve(&job.span, module, &job.delta))
		return refuse(&job, "there is no room for them near its object",
			"annotate the variables instead", 0);
	if (!carry_out_and_remember(&job)) {
		span_release(&job.span, job.delta);
		return false;
	}
	areas_add(job.span.start + job.delta, job.span.end + job.delta);
	*ret = (struct exact){ .span = job.span, .delta = job.delta };
	return true;
}
