/* SPDX-License-Identifier: MIT */
/*
 * hook-mlock.c - mlockall(), but for the part of the heap that nobody uses
 *
 * mlockall(MCL_CURRENT) makes all pages of a process resident: of the heap's reservation, too,
 * which is larger than the machine; and without privilege it fails, for all that is mapped
 * counts. So the heap is locked as it is touched (MLOCK_ONFAULT), which is what a program
 * wants of memory that it has not got yet, and everything else as the real call does it: it
 * marks all and makes nothing resident, then each other mapping is made so.
 *
 * A program without privilege may lock what its limit allows, and the real call compares that with
 * all that is mapped. There we compare, without the heap, and the heap is not locked.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "heap-layout.h"
#include "real.h"
#include "text.h"

#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

typedef void visit(uintptr_t start, uintptr_t end, void *arg);

static bool is_heap(uintptr_t start, uintptr_t end)
{
	uintptr_t heap = (uintptr_t)heap_map.heap;

	return ranges_meet(start, end, heap, heap + heap_map.heap->size);
}

/* A line of /proc/self/maps begins with "55d0c000-55d0e000 "; nothing more is looked at. */
struct reader {
	uintptr_t number, start;
	bool is_behind; /* the two numbers */
};

static void read_one(struct reader *reader, char c, visit *to, void *arg)
{
	if (c == '\n') {
		*reader = (struct reader){ .number = 0 };
	} else if (reader->is_behind) {
		return;
	} else if (c == '-') {
		reader->start = reader->number;
		reader->number = 0;
	} else if (c == ' ') {
		reader->is_behind = true;
		if (!is_heap(reader->start, reader->number))
			to(reader->start, reader->number, arg);
	} else {
		reader->number = reader->number << 4 | text_digit(c, 16);
	}
}

/* All mappings but the heap. Return: false: nobody tells of them. */
static bool visit_others(visit *to, void *arg)
{
	struct reader reader = { .number = 0 };
	char text[1024];
	long fd = sys_call(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC), len;

	if (fd < 0)
		return false;
	while ((len = sys_call(SYS_read, fd, text, sizeof(text))) > 0)
		for (long i = 0; i < len; i++)
			read_one(&reader, text[i], to, arg);
	(void)sys_call(SYS_close, fd);
	return len == 0;
}

static void add(uintptr_t start, uintptr_t end, void *sum)
{
	*(uint64_t *)sum += end - start;
}

/* What cannot be made resident is locked all the same, as the real call does. */
static void lock(uintptr_t start, uintptr_t end, void *arg)
{
	(void)arg;
	(void)sys_call(SYS_mlock, start, end - start);
}

static bool others_are_allowed(void)
{
	struct rlimit limit;
	uint64_t sum = 0;

	return sys_call(SYS_prlimit64, 0, RLIMIT_MEMLOCK, NULL, &limit) == 0 &&
	       visit_others(add, &sum) && sum <= limit.rlim_cur;
}

static int lock_current(int flags)
{
	int saved = errno;

	if (real_rare()->mlockall(MCL_CURRENT | MCL_ONFAULT) != 0) {
		if (errno == EINVAL) /* an old kernel */
			return real_rare()->mlockall(flags);
		if (errno != ENOMEM || !others_are_allowed())
			return -1;
	}
	errno = saved;
	(void)visit_others(lock, NULL);
	return flags & MCL_FUTURE ? real_rare()->mlockall(MCL_FUTURE) : 0;
}

FONDUE_EXPORT int mlockall(int flags)
{
	if (!real_rare()->mlockall) {
		errno = ENOSYS;
		return -1;
	}
	if (heap_map.heap && (flags & ~MCL_FUTURE) == MCL_CURRENT)
		return lock_current(flags);
	return real_rare()->mlockall(flags);
}
