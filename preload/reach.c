/* SPDX-License-Identifier: MIT */
/*
 * reach.c - within two gigabytes
 *
 * A displacement has 32 bits with a sign. So from a place that is farther away than that no
 * instruction gets to its variable, and that no smaller window exists is up to what else is
 * mapped: the kernel is asked for one address after the other, and answers at once. Below the
 * object first: above a program its heap grows (brk), and above a library lie others.
 */
#include <sys/mman.h>

#include "reach.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* From one try to the next: some objects are larger, and a search takes 1000 tries at most. */
#define STEP (4UL << 20)
/* Left free above a program, where its heap begins: what malloc() takes of it commonly. */
#define HEAP_ROOM (256UL << 20)

void span_begin(struct span *span)
{
	*span = (struct span){ .start = UINTPTR_MAX, .least = INT32_MAX, .most = INT32_MIN };
}

void span_add(struct span *span, uintptr_t start, uintptr_t end)
{
	if (start < span->start)
		span->start = start;
	if (end > span->end)
		span->end = end;
}

void span_reach(struct span *span, int32_t displacement)
{
	if (displacement < span->least)
		span->least = displacement;
	if (displacement > span->most)
		span->most = displacement;
}

static bool is_reached(const struct span *span, intptr_t delta)
{
	return delta >= INT32_MIN - (intptr_t)INT32_MAX && delta <= INT32_MAX - (intptr_t)INT32_MIN &&
	       (span->least > span->most ||
		       (span->least + delta >= INT32_MIN && span->most + delta <= INT32_MAX));
}

static size_t with_margins(const struct span *span, size_t page)
{
	return span->end - span->start + 2 * page;
}

/* @at: of the first page behind the margin. */
static bool reserve_at(const struct span *span, uintptr_t at, size_t page)
{
	long got;

	if (at < 2 * page)
		return false;
	got = sys_call(SYS_mmap, at - page, with_margins(span, page), PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (sys_failed(got))
		return false;
	if ((uintptr_t)got == at - page)
		return true;
	/* a kernel before 4.17 takes the address for a wish */
	(void)sys_call(SYS_munmap, got, with_margins(span, page));
	return false;
}

static void find_ends(const struct module *module, uintptr_t *ret_start, uintptr_t *ret_end)
{
	*ret_start = UINTPTR_MAX;
	*ret_end = 0;
	for (unsigned i = 0; i < module->phnum; i++) {
		uintptr_t start = module->base + module->phdr[i].p_vaddr;

		if (module->phdr[i].p_type != PT_LOAD)
			continue;
		if (start < *ret_start)
			*ret_start = start;
		if (start + module->phdr[i].p_memsz > *ret_end)
			*ret_end = start + module->phdr[i].p_memsz;
	}
}

/* One address after the other, by @step, until displacements do not reach any more. */
static bool search(const struct span *span, uintptr_t at, intptr_t step, intptr_t *ret_delta)
{
	size_t page = getpagesize();

	for (; is_reached(span, (intptr_t)(at - span->start)); at += step) {
		if (reserve_at(span, at, page)) {
			*ret_delta = (intptr_t)(at - span->start);
			return true;
		}
		if (step < 0 && at < (uintptr_t)-step)
			break;
	}
	return false;
}

bool span_reserve(const struct span *span, const struct module *module, intptr_t *ret_delta)
{
	size_t page = getpagesize();
	uintptr_t start, end, below, above;

	find_ends(module, &start, &end);
	below = align_down(start, page) - with_margins(span, page);
	above = align_down(end + page - 1, page) + 2 * page;
	if (module->is_program)
		above += HEAP_ROOM;
	return (below < start && search(span, below, -(intptr_t)STEP, ret_delta)) ||
	       search(span, above, STEP, ret_delta);
}

void span_release(const struct span *span, intptr_t delta)
{
	size_t page = getpagesize();

	(void)sys_call(SYS_munmap, span->start + delta - page, with_margins(span, page));
}
