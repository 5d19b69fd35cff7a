/* SPDX-License-Identifier: MIT */
/*
 * sharing.c - looking an address up in /proc/self/maps
 *
 *	7f12c4a00000-7f12c4a01000 rw-s 00000000 00:01 1234      /dev/zero (deleted)
 *
 * The fourth letter tells shared from private; device, inode and offset tell which memory it
 * is, wherever in a process it is mapped: anonymous shared memory has an inode, too.
 */
#include <fcntl.h>
#include <stdatomic.h>

#include "sharing.h"
#include "text.h"

/* A line up to the name is shorter than 80 bytes, and a name is not needed. */
#define CHUNK 1024

/* Return: behind the number and one character more; NULL: there is none. */
static const char *parse_number(const char *text, unsigned base, uint64_t *ret)
{
	const char *at = text;

	*ret = 0;
	for (; text_digit(*at, base) < base; at++)
		*ret = *ret * base + text_digit(*at, base);
	return at == text || *at == '\n' ? NULL : at + 1;
}

bool sharing_parse(const char *line, struct sharing *ret)
{
	uint64_t start, end, major, minor;
	const char *at = parse_number(line, 16, &start);

	at = at ? parse_number(at, 16, &end) : NULL;
	for (unsigned i = 0; at && i < 4; i++)
		if (at[i] == '\n')
			return false;
	if (!at || at[4] != ' ')
		return false;
	ret->start = start;
	ret->end = end;
	ret->shared = at[3] == 's';
	at = parse_number(at + 5, 16, &ret->offset);
	at = at ? parse_number(at, 16, &major) : NULL;
	at = at ? parse_number(at, 16, &minor) : NULL;
	ret->device = at ? major << 32 | minor : 0;
	return at && text_digit(*at, 10) < 10 && (parse_number(at, 10, &ret->inode), true);
}

/* The lines in @chunk up to @len; a line whose beginning only is there is not looked at.
 * Return: where that begins. */
static size_t look_through(
	const char *chunk, size_t len, uintptr_t address, struct sharing *ret, bool *ret_found)
{
	size_t begin = 0;

	for (size_t i = 0; i < len && !*ret_found; i++) {
		if (chunk[i] != '\n')
			continue;
		*ret_found = sharing_parse(chunk + begin, ret) && address >= ret->start &&
			     address < ret->end;
		begin = i + 1;
	}
	return begin;
}

bool sharing_read(uintptr_t address, struct sharing *ret)
{
	char chunk[CHUNK + 1];
	size_t kept = 0;
	bool found = false;
	long fd = sys_call(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
	long got;

	if (fd < 0)
		return false;
	while (!found &&
		(got = sys_call(SYS_read, fd, chunk + kept, CHUNK - kept)) > 0) {
		size_t len = kept + got, begin;

		begin = look_through(chunk, len, address, ret, &found);
		/* of a line that is too long its beginning has all that matters */
		if (!begin && len == CHUNK) {
			chunk[len - 1] = '\n';
			(void)look_through(chunk, len, address, ret, &found);
			chunk[len - 1] = 'x';
			kept = 0;
			chunk[kept++] = 'x'; /* its rest is no line of ours */
			continue;
		}
		kept = len - begin;
		for (size_t i = 0; i < kept; i++)
			((volatile char *)chunk)[i] = chunk[begin + i];
	}
	(void)sys_call(SYS_close, fd);
	return found;
}

/* One at a time; who comes meanwhile, a signal handler for one, does without. */
static void keep(struct sharing_cache *cache, const struct sharing *sharing)
{
	uint32_t used;

	if (atomic_exchange_explicit(&cache->writing, 1, memory_order_acquire))
		return;
	used = atomic_load_explicit(&cache->used, memory_order_relaxed);
	if (used < SHARING_CACHED) {
		cache->entries[used] = *sharing;
		/* release: the entry before it counts; pairs with the load in sharing_find() */
		atomic_store_explicit(&cache->used, used + 1, memory_order_release);
	}
	atomic_store_explicit(&cache->writing, 0, memory_order_release);
}

/* The latest first: a mapping that has grown is in here twice. */
bool sharing_find(struct sharing_cache *cache, uintptr_t address, struct sharing *ret)
{
	uint32_t used = atomic_load_explicit(&cache->used, memory_order_acquire);

	while (used--) {
		const struct sharing *entry = &cache->entries[used];

		if (address >= entry->start && address < entry->end) {
			*ret = *entry;
			return true;
		}
	}
	if (!sharing_read(address, ret))
		return false;
	keep(cache, ret);
	return true;
}
