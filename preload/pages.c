/* SPDX-License-Identifier: MIT */
/*
 * pages.c - copying without touching, and keeping what was asked of the pages before
 *
 * A gigabyte of FONDUE_SHARED_ZERO that nobody has used yet must cost no memory and no
 * time. So before a zero-filled page is read, /proc/self/pagemap is asked whether it
 * exists at all. Pages backed by the file are read in any case: they may have contents
 * without having been touched. A page with nothing but zeros is never written.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "pages.h"

/* pagemap: one 64-bit entry for each page; a page is there if in memory or in swap */
#define PAGEMAP_THERE (3ULL << 62)
/* Entries for each read: 2 MiB of address space for 4 KiB of our caller's stack. */
#define PAGEMAP_BATCH 512

/* Own loop: memcpy() may be a sanitizer's, and would look at the redzones between variables. */
FONDUE_UNINSTRUMENTED static void copy_page(const void *from, void *to, size_t size)
{
	/* volatile: or the compiler makes the very call that is to be avoided */
	const volatile unsigned long *source = from;
	volatile unsigned long *target = to;
	unsigned long bits = 0;

	for (size_t i = 0; i < size / sizeof(*source); i++)
		bits |= source[i];
	for (size_t i = 0; bits && i < size / sizeof(*source); i++)
		target[i] = source[i];
}

static void copy_all(uint64_t start, uint64_t stop, uint8_t *to, size_t page_size)
{
	for (uint64_t page = start; page < stop; page += page_size)
		copy_page((const void *)page, to + (page - start), page_size);
}

static void copy_populated(
	int pagemap, uint64_t start, uint64_t stop, uint8_t *to, size_t page_size)
{
	uint64_t entries[PAGEMAP_BATCH];

	while (start < stop) {
		uint64_t wanted = (stop - start) / page_size;
		long got;

		if (wanted > PAGEMAP_BATCH)
			wanted = PAGEMAP_BATCH;
		got = sys_call(SYS_pread64, pagemap, entries, wanted * sizeof(entries[0]),
			start / page_size * sizeof(entries[0]));
		if (got <= 0) { /* a sandbox, perhaps: then every page is looked at */
			copy_all(start, stop, to, page_size);
			return;
		}
		for (uint64_t i = 0; i < (uint64_t)got / sizeof(entries[0]); i++) {
			if (entries[i] & PAGEMAP_THERE)
				copy_page((const void *)start, to, page_size);
			start += page_size;
			to += page_size;
		}
	}
}

void pages_copy(const struct range *range, void *to, size_t page_size)
{
	/* the page in which the file ends is its, the rest of that page is zero */
	uint64_t zero = align_down(range->file_end + page_size - 1, page_size);
	long pagemap;

	if (zero < range->start)
		zero = range->start;
	if (zero > range->stop)
		zero = range->stop;
	copy_all(range->start, zero, to, page_size);
	if (zero == range->stop)
		return;
	pagemap = sys_call(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	copy_populated(
		pagemap, zero, range->stop, (uint8_t *)to + (zero - range->start), page_size);
	if (pagemap >= 0)
		(void)sys_call(SYS_close, pagemap);
}

/* Lines of /proc/self/smaps, one after the other, through a buffer on the stack. */
struct lines {
	int fd;
	size_t pos, len;
	char buffer[2048];
	char line[256]; /* cut; what is looked for stands at the beginning */
};

static bool next_line(struct lines *lines)
{
	size_t n = 0;

	for (;;) {
		char c;

		if (lines->pos == lines->len) {
			long got = sys_call(
				SYS_read, lines->fd, lines->buffer, sizeof(lines->buffer));

			if (got <= 0)
				return false;
			lines->pos = 0;
			lines->len = got;
		}
		c = lines->buffer[lines->pos++];
		if (c == '\n')
			break;
		if (n < sizeof(lines->line) - 1)
			lines->line[n++] = c;
	}
	lines->line[n] = '\0';
	return true;
}

static const char *read_hex(const char *text, uint64_t *ret)
{
	static const char digits[] = "0123456789abcdef";
	const char *at;

	for (*ret = 0; *text && (at = strchr(digits, *text)); text++)
		*ret = *ret * 16 + (at - digits);
	return text;
}

/* "start-stop rw-p ...": the head of a mapping's paragraph */
static bool read_head(const char *line, uint64_t *start, uint64_t *stop, const char **rights)
{
	const char *at = read_hex(line, start);

	if (at == line || *at != '-')
		return false;
	at = read_hex(at + 1, stop);
	*rights = at + 1;
	return *at == ' ';
}

static void add_flags(struct page_state *state, const char *line)
{
	static const struct {
		char flag[4];
		size_t offset;
	} flags[] = {
		{ " lo", offsetof(struct page_state, locked) },
		{ " dd", offsetof(struct page_state, dont_dump) },
		{ " hg", offsetof(struct page_state, huge_page) },
		{ " nh", offsetof(struct page_state, no_huge_page) },
		{ " dc", offsetof(struct page_state, dont_fork) },
		{ " wf", offsetof(struct page_state, wipe_on_fork) },
		{ " mg", offsetof(struct page_state, mergeable) },
	};

	for (size_t i = 0; i < FONDUE_COUNT(flags); i++)
		if (strstr(line, flags[i].flag))
			*(bool *)((char *)state + flags[i].offset) = true;
}

struct page_state pages_state(uint64_t start, uint64_t stop)
{
	struct page_state state = { .ordinary = true };
	struct lines lines = { .pos = 0 };
	uint64_t from, to, covered = start;
	const char *rights;
	bool inside = false;

	lines.fd = sys_call(SYS_openat, AT_FDCWD, "/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	if (lines.fd < 0)
		return state;
	while (covered < stop || inside) {
		if (!next_line(&lines))
			break;
		if (read_head(lines.line, &from, &to, &rights)) {
			inside = ranges_meet(from, to, start, stop);
			if (!inside)
				continue;
			state.ordinary = state.ordinary && from <= covered &&
					 !strncmp(rights, "rw-p", 4);
			covered = to;
		} else if (inside && !strncmp(lines.line, "VmFlags:", 8)) {
			add_flags(&state, lines.line);
			inside = false; /* the paragraph's last line */
		}
	}
	state.known = covered >= stop;
	(void)sys_call(SYS_close, lines.fd);
	return state;
}

static bool advise(uint64_t start, uint64_t stop, int advice)
{
	return sys_call(SYS_madvise, start, stop - start, advice) == 0;
}

const char *pages_restore(uint64_t start, uint64_t stop, const struct page_state *state)
{
	const char *lost = NULL;

	if (!state->known)
		return NULL;
	if (state->mergeable)
		lost = "MADV_MERGEABLE";
	if (state->wipe_on_fork)
		lost = "MADV_WIPEONFORK";
	if (state->dont_fork)
		lost = "MADV_DONTFORK";
	if (state->no_huge_page && !advise(start, stop, MADV_NOHUGEPAGE))
		lost = "MADV_NOHUGEPAGE";
	if (state->huge_page && !advise(start, stop, MADV_HUGEPAGE))
		lost = "MADV_HUGEPAGE";
	if (state->dont_dump && !advise(start, stop, MADV_DONTDUMP))
		lost = "MADV_DONTDUMP";
	if (state->locked && sys_call(SYS_mlock, start, stop - start) != 0)
		lost = "mlock";
	return lost;
}
