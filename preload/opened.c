/* SPDX-License-Identifier: MIT */
/*
 * opened.c - mprotect() there and back
 *
 * A whole segment at a time, so that the map of the process looks the same afterwards. Code is
 * not executable while it is writable: many policies forbid both at once, and nobody runs it.
 * Some forbid to execute what was written to (SELinux's execmod), and say so only when it is too
 * late; then the file's own pages are mapped in its place.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "opened.h"

/* <linux/futex.h>, which musl does not find */
#define FUTEX_WAKE_OP_PRIVATE (5 | 128)
#define FUTEX_OP_OR_NOTHING   (2 << 28)

void opened_begin(struct opened *opened, size_t page_size)
{
	opened->page_size = page_size;
	opened->count = 0;
}

/* What the loader has left a page as, which may be less than its segment says. */
static bool find_region(const struct opened *opened, const struct module *module,
	uintptr_t address, size_t size, struct region *ret)
{
	const ElfW(Phdr) *load = module_segment(module, PT_LOAD, address, size);
	const ElfW(Phdr) *relro = module_segment(module, PT_GNU_RELRO, address, size);
	const ElfW(Phdr) *p = relro ? relro : load;
	uintptr_t end;

	if (!p)
		return false;
	end = module->base + p->p_vaddr + p->p_memsz + (relro ? 0 : opened->page_size - 1);
	*ret = (struct region){ .of = *module,
		.start = align_down(module->base + p->p_vaddr, opened->page_size),
		.end = align_down(end, opened->page_size),
		.protection = (p->p_flags & PF_R ? PROT_READ : 0) |
			      (!relro && p->p_flags & PF_W ? PROT_WRITE : 0) |
			      (p->p_flags & PF_X ? PROT_EXEC : 0),
		.is_code = segment_is_code(p),
		.file_offset = align_down(p->p_offset, opened->page_size) };
	/* of RELRO's last page, which it need not fill, the loader has left the rest writable */
	if (relro && address >= ret->end)
		ret->protection = PROT_READ | PROT_WRITE;
	return true;
}

static const struct region *region_at(const struct opened *opened, uintptr_t address)
{
	for (unsigned i = 0; i < opened->count; i++)
		if (address - opened->regions[i].start <
			opened->regions[i].end - opened->regions[i].start)
			return &opened->regions[i];
	return NULL;
}

/* Nothing is changed by it: it is written to as it is, by the kernel, atomically. */
static bool is_read_only(uintptr_t address)
{
	uint32_t nobody = 0;

	return sys_call(SYS_futex, &nobody, FUTEX_WAKE_OP_PRIVATE, 0, NULL,
		       align_down(address, sizeof(nobody)), FUTEX_OP_OR_NOTHING) == -EFAULT;
}

bool opened_is_settled(const struct opened *opened, const struct module *module,
	uintptr_t address, size_t size)
{
	struct region region;

	return region_at(opened, address) ||
	       !find_region(opened, module, address, size, &region) ||
	       (region.protection & PROT_WRITE) || is_read_only(address);
}

long opened_add(struct opened *opened, const struct module *module, uintptr_t address,
	size_t size)
{
	struct region region;
	long error;

	if (region_at(opened, address))
		return 0;
	if (!find_region(opened, module, address, size, &region))
		return -ENOENT;
	if (region.protection & PROT_WRITE)
		return 0;
	if (opened->count == REGIONS_MAX)
		return -E2BIG;
	error = sys_call(SYS_mprotect, region.start, region.end - region.start,
		PROT_READ | PROT_WRITE);
	if (!error)
		opened->regions[opened->count++] = region;
	return error;
}

bool opened_is_code(const struct opened *opened, uintptr_t address)
{
	const struct region *region = region_at(opened, address);

	return region && region->is_code;
}

static long close_region(const struct region *region)
{
	return sys_call(SYS_mprotect, region->start, region->end - region->start,
		region->protection);
}

/* The code as it is in the file, in the place of what may not be executed. */
static bool put_back(const struct region *region)
{
	const char *file = region->of.is_program ? "/proc/self/exe" : region->of.name;
	long fd = sys_call(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
	long at;

	if (fd < 0)
		return false;
	at = sys_call(SYS_mmap, region->start, region->end - region->start, region->protection,
		MAP_PRIVATE | MAP_FIXED, fd, region->file_offset);
	(void)sys_call(SYS_close, fd);
	return !sys_failed(at);
}

static void put_back_code(const struct opened *opened)
{
	for (unsigned i = 0; i < opened->count; i++)
		if (opened->regions[i].is_code && !put_back(&opened->regions[i]))
			_exit(127);
}

long opened_close_code(struct opened *opened)
{
	long error = 0;

	for (unsigned i = 0; !error && i < opened->count; i++)
		if (opened->regions[i].is_code)
			error = close_region(&opened->regions[i]);
	if (error)
		put_back_code(opened);
	return error;
}

/* To take rights away is always allowed. */
void opened_close_data(struct opened *opened)
{
	for (unsigned i = 0; i < opened->count; i++)
		if (!opened->regions[i].is_code)
			(void)close_region(&opened->regions[i]);
}

/* To give code the right to be executed is not, even if nobody wrote to it. */
void opened_close_unchanged(struct opened *opened)
{
	(void)opened_close_code(opened);
	opened_close_data(opened);
}
