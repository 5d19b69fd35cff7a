/* SPDX-License-Identifier: MIT */
/*
 * heap-create.c - reserving addresses for the heap, and laying out its parts
 *
 * What is reserved is a promise of addresses and of nothing else: it is much larger than the
 * machine, and must not show in what the kernel promises others, in a core dump, or when a
 * program locks its memory. Where so many addresses are not to be had it is half of them, and
 * so on.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "heap-create.h"
#include "cpu-lists.h"
#include "identity.h"
#include "owners.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

struct heap_map heap_map;
unsigned long heap_self_at;

static size_t round_up(size_t size, size_t to)
{
	return (size + to - 1) & ~(to - 1);
}

static size_t place(size_t *at, size_t size)
{
	size_t here = *at;

	*at += round_up(size, UNIT_SIZE);
	return here;
}

/* Its blocks begin at a multiple of this: what a huge page needs. */
#define BLOCKS_ALIGN (2UL << 20)

/* Where the parts are from @base; with no base, how much they take. */
static size_t lay_out(uintptr_t base, uint32_t units, struct heap_map *ret)
{
	size_t at = 0, plane;

	ret->heap = (struct heap *)(base + place(&at, sizeof(struct heap)));
	ret->cpus = (struct cpu *)(base + place(&at, CPUS * sizeof(struct cpu)));
	ret->kinds = (uint8_t *)(base + place(&at, units));
	ret->idle = (uint8_t *)(base + place(&at, units));
	ret->unit = (struct unit *)(base + place(&at, units * sizeof(struct unit)));
	ret->bitmaps = (uint64_t *)(base + place(&at, (size_t)units * BITMAP_WORDS * 8));
	plane = (size_t)1 << (PLANE_SHIFT + 64 - __builtin_clzl(units - 1));
	ret->plane = plane - (1 << PLANE_SHIFT);
	ret->tags = (tag *)(base + place(&at, PLANES * plane * sizeof(tag)));
	at = round_up(at, BLOCKS_ALIGN);
	ret->blocks = (char *)(base + at);
	ret->blocks_size = (size_t)units << UNIT_SHIFT;
	return at + ret->blocks_size;
}

static void know_classes(struct heap_map *map)
{
	for (unsigned class = 1; class <= CLASSES; class++) {
		map->lists[class] = &map->cpus->lists[class];
		map->divide[class] = size_classes[class].divide;
		map->list_max[class] = size_classes[class].list;
	}
}

/*
 * Where the administrator forbids to promise more memory than there is (vm.overcommit_memory is
 * 2), anonymous memory is promised whole, whatever it is asked for with, and nobody else gets
 * what is promised to us.
 */
static bool is_promised(void)
{
	long fd = sys_call(SYS_openat, AT_FDCWD, "/proc/sys/vm/overcommit_memory",
		O_RDONLY | O_CLOEXEC);
	char mode = '0';

	if (fd < 0)
		return false;
	(void)sys_call(SYS_read, fd, &mode, 1);
	(void)sys_call(SYS_close, fd);
	return mode == '2';
}

static long map_anonymous(size_t size)
{
	return sys_call(SYS_mmap, 0, size, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);
}

/* Of a file's memory the kernel promises each page when it is first used. */
static long map_file(size_t size)
{
	struct rlimit limit;
	long fd, at;

	/* a larger one costs a signal (ulimit -f) */
	if (sys_call(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) != 0 || limit.rlim_cur < size)
		return -EFBIG;
	fd = sys_call(SYS_memfd_create, "fondue-heap", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	if (fd == -EINVAL) /* before Linux 6.3 */
		fd = sys_call(SYS_memfd_create, "fondue-heap", MFD_CLOEXEC);
	if (fd < 0)
		return fd;
	at = sys_call(SYS_ftruncate, fd, size);
	if (at == 0)
		at = sys_call(SYS_mmap, 0, size, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, 0L);
	(void)sys_call(SYS_close, fd);
	return at;
}

/* What is taken of promises, if there is no other way: 1 GiB. */
#define PROMISED_MAX (1UL << 30)

static long map(size_t size)
{
	bool promised = is_promised();
	long at = promised ? map_file(size) : map_anonymous(size);

	if (promised && sys_failed(at) && size <= PROMISED_MAX)
		at = map_anonymous(size);
	return at;
}

/* Where addresses are few the program needs some, too. */
#define ADDRESSES_LEFT (16UL << 20)

static bool leaves_some(void)
{
	long at = sys_call(SYS_mmap, 0, ADDRESSES_LEFT, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (sys_failed(at))
		return false;
	(void)sys_call(SYS_munmap, at, ADDRESSES_LEFT);
	return true;
}

static char *reserve(size_t size)
{
	long at = map(size + BLOCKS_ALIGN);

	if (sys_failed(at))
		return NULL;
	if (!leaves_some()) {
		(void)sys_call(SYS_munmap, at, size + BLOCKS_ALIGN);
		return NULL;
	}
	/* after mlockall(MCL_FUTURE) all of it would be made resident, could it be read */
	(void)sys_call(SYS_munlock, at, size + BLOCKS_ALIGN);
	if (sys_call(SYS_mprotect, at, size + BLOCKS_ALIGN, PROT_READ | PROT_WRITE) != 0) {
		(void)sys_call(SYS_munmap, at, size + BLOCKS_ALIGN);
		return NULL;
	}
	/* a core dump would write, and allocate, all of it */
	(void)sys_call(SYS_madvise, at, size + BLOCKS_ALIGN, MADV_DONTDUMP);
	return (char *)round_up(at, BLOCKS_ALIGN);
}

static long (*find_rseq)(void);

void heap_start(long (*rseq_at)(void))
{
	find_rseq = rseq_at;
	heap_self_at = identity_at();
	cpu_lists_start(0); /* without a heap nobody is served by a list */
}

/* Less than this is no heap: 16 MiB. */
#define UNITS_MIN 256

/* As many units as there is room for, @units at most. Return: where; NULL: nowhere. */
static char *reserve_units(uint32_t *units)
{
	struct heap_map map;
	char *base = NULL;

	while (*units >= UNITS_MIN) {
		base = reserve(lay_out(0, *units, &map));
		if (base)
			break;
		*units /= 2;
	}
	return base;
}

static void fill(const struct heap_map *map, uint32_t units, size_t size)
{
	map->heap->magic = HEAP_MAGIC;
	map->heap->version = HEAP_VERSION;
	map->heap->units = units;
	map->heap->size = size;
	map->heap->top = map->heap->hint = 1;
	map->kinds[0] = KIND_LARGE; /* 0 means none */
	map->unit[0].count = 1;
}

static uint32_t units_in(size_t size)
{
	size_t units = size >> UNIT_SHIFT;

	return units > UINT32_MAX / 2 ? UINT32_MAX / 2 : units < UNITS_MIN ? UNITS_MIN : units;
}

bool heap_create(size_t size)
{
	uint32_t units = units_in(size);
	struct heap_map map;
	char *base;

	if (heap_map.heap)
		return true;
	base = reserve_units(&units);
	if (!base)
		return false;
	size = lay_out((uintptr_t)base, units, &map);
	know_classes(&map);
	fill(&map, units, size);
	if (find_rseq)
		cpu_lists_start(find_rseq());
	owners_start();
	heap_map = map;
	return true;
}
