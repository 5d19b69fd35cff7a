/* SPDX-License-Identifier: MIT */
/*
 * paged.c - where a variable cannot be moved, its pages are shared, neighbours and all
 *
 * That is coarse, and asked for by somebody who was shown the neighbours. So nothing is proved
 * here but that the pages are what the plan says: the object's own data, which the program may
 * write to and not execute, and nothing that the loader has made read-only for good. Addresses
 * stay, so that no code, no pointer and no symbol changes, and any program will do, position
 * independent or not.
 */
#include <sys/mman.h>

#include "paged.h"
#include "areas.h"
#include "remap.h"
#include "sharing.h"

/* Other plans may have shared pages in the middle of ours. */
#define SPARE_RANGES 64

struct job {
	const struct module *module;
	struct plan_refusal *refusal;
	size_t page_size;
	struct range *ranges; /* to be shared */
	unsigned count, room;
};

static bool refuse(struct job *job, const char *cause, const char *cure, uint64_t value)
{
	*job->refusal = (struct plan_refusal){ .cause = cause, .cure = cure, .value = value };
	return false;
}

/* The pages that the kernel has given to a segment. */
static struct range pages_of(const struct job *job, const ElfW(Phdr) * p)
{
	uintptr_t start = job->module->base + p->p_vaddr, mask = job->page_size - 1;

	return (struct range){ .start = start & ~mask,
		.stop = (start + p->p_memsz + mask) & ~mask,
		.file_end = start + p->p_filesz };
}

/* What the loader protects: the last page of it, if it does not fill that, stays writable. */
static bool is_relro(const struct job *job, const ElfW(Phdr) * p, const struct range *range)
{
	struct range relro = pages_of(job, p);
	uintptr_t end = job->module->base + p->p_vaddr + p->p_memsz;

	return p->p_type == PT_GNU_RELRO &&
	       ranges_meet(
		       relro.start, align_down(end, job->page_size), range->start, range->stop);
}

/* Return: the one segment that has these pages; NULL: none has all, or another has some. */
static const ElfW(Phdr) * segment_of(const struct job *job, const struct range *range)
{
	const ElfW(Phdr) *found = NULL;

	for (unsigned i = 0; i < job->module->phnum; i++) {
		const ElfW(Phdr) *p = &job->module->phdr[i];
		struct range pages = pages_of(job, p);

		if (is_relro(job, p, range))
			return NULL;
		if (p->p_type != PT_LOAD ||
			!ranges_meet(pages.start, pages.stop, range->start, range->stop))
			continue;
		if (found || range->start < pages.start || range->stop > pages.stop)
			return NULL;
		found = p;
	}
	return found;
}

static bool check(struct job *job, struct range *range)
{
	const ElfW(Phdr) *p = segment_of(job, range);

	if (!p || !(p->p_flags & PF_W) || (p->p_flags & PF_X))
		return refuse(job, "pages of it are not the object's data alone (0x%lx)",
			"make the plan again, with fondue run --share-page",
			range->start - job->module->base);
	range->file_end = pages_of(job, p).file_end;
	return true;
}

static bool add(struct job *job, const struct range *whole, uintptr_t start, uintptr_t stop)
{
	struct range *last = job->count ? &job->ranges[job->count - 1] : NULL;

	if (last && last->stop == start && last->file_end == whole->file_end) {
		last->stop = stop;
		return true;
	}
	if (job->count == job->room)
		return refuse(job, "too many of its pages are shared already", "plan once", 0);
	job->ranges[job->count++] =
		(struct range){ .start = start, .stop = stop, .file_end = whole->file_end };
	return true;
}

/* What is shared already is so by another plan: nobody else has been here yet. */
static bool add_private(struct job *job, const struct range *range)
{
	uintptr_t at = range->start, end;

	for (; at < range->stop; at = end) {
		struct sharing sharing;

		if (!sharing_read(at, &sharing))
			sharing = (struct sharing){ .end = range->stop };
		end = sharing.end < range->stop ? sharing.end : range->stop;
		if (!sharing.shared && !add(job, range, at, end))
			return false;
	}
	return true;
}

static bool take_in(struct job *job, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->header->variables; i++) {
		const struct plan_variable *v = &plan->variables[i];
		struct range range = { .start = job->module->base + v->address,
			.stop = job->module->base + v->address + v->size };

		if (!check(job, &range) || !add_private(job, &range))
			return false;
	}
	return true;
}

static bool share(struct job *job)
{
	struct refusal refusal;

	if (!job->count)
		return true;
	if (!remap_ranges(job->ranges, job->count, job->page_size, &refusal))
		return refuse(job, refusal_cause(refusal.reason), refusal_cure(refusal.reason),
			refusal.value);
	for (unsigned i = 0; i < job->count; i++)
		areas_add(job->ranges[i].start, job->ranges[i].stop);
	return true;
}

bool paged_share(
	const struct plan *plan, const struct module *module, struct plan_refusal *ret_refusal)
{
	struct job job = {
		.module = module, .refusal = ret_refusal, .page_size = getpagesize()
	};
	size_t size;
	long at;
	bool good;

	if (job.page_size > PLAN_PAGE_SIZE)
		return refuse(&job, "this machine's pages are larger, of %lu bytes",
			"annotate the variables instead", job.page_size);
	job.room = 2 * plan->header->variables + SPARE_RANGES;
	size = job.room * sizeof(*job.ranges);
	at = sys_call(
		SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sys_failed(at))
		return refuse(&job, "there is no memory for it", "raise ulimit -v", 0);
	job.ranges = (struct range *)at;
	good = take_in(&job, plan) && share(&job);
	(void)sys_call(SYS_munmap, at, size);
	return good;
}
