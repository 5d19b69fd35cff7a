/* SPDX-License-Identifier: MIT */
/*
 * advice.c - /proc/self/smaps, the only place where the kernel tells what was asked of pages
 *
 * The file is a list of paragraphs, one for each mapping in order of address: a head line
 * "start-stop rw-p ...", lines "Name: number kB", and at last "VmFlags:" with two letters
 * for each property. mlock() and madvise() on part of a mapping split it, so each piece of
 * a range has its own paragraph. Read line by line through a buffer on the stack.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "advice.h"
#include "text.h"

/* <linux/mman.h>, which musl's compiler does not find */
#define LOCK_ON_FAULT 1

struct lines {
	int fd;
	bool broken; /* the file could not be read to its end */
	size_t pos, len;
	char buffer[2048];
	char line[256]; /* cut; what is looked for stands at the beginning */
};

static bool fill(struct lines *lines)
{
	long got = sys_call(SYS_read, lines->fd, lines->buffer, sizeof(lines->buffer));

	lines->pos = 0;
	lines->len = got > 0 ? got : 0;
	lines->broken = got < 0;
	return got > 0;
}

static bool next_line(struct lines *lines)
{
	size_t n = 0;

	for (;;) {
		char c;

		if (lines->pos == lines->len && !fill(lines))
			return false;
		c = lines->buffer[lines->pos++];
		if (c == '\n')
			break;
		if (n < sizeof(lines->line) - 1)
			lines->line[n++] = c;
	}
	lines->line[n] = '\0';
	return true;
}

static const char *read_number(const char *text, unsigned base, uint64_t *ret)
{
	for (*ret = 0; text_digit(*text, base) < base; text++)
		*ret = *ret * base + text_digit(*text, base);
	return text;
}

/* One paragraph, as far as it matters. */
struct mapping {
	uint64_t start, stop;
	bool ordinary; /* "rw-p" */
	uint64_t size_kib, resident_kib;
};

static bool read_head(const char *line, struct mapping *ret)
{
	struct mapping mapping = { .start = 0 };
	const char *at = read_number(line, 16, &mapping.start);

	if (at == line || *at != '-')
		return false;
	at = read_number(at + 1, 16, &mapping.stop);
	if (*at != ' ')
		return false;
	mapping.ordinary = text_begins(at, " rw-p");
	*ret = mapping;
	return true;
}

static void read_size(const char *line, const char *name, uint64_t *ret)
{
	const char *at = text_behind(line, name);

	if (!at)
		return;
	while (*at == ' ')
		at++;
	(void)read_number(at, 10, ret);
}

static unsigned read_flags(const char *line)
{
	static const struct {
		char flag[4];
		unsigned advice;
	} flags[] = {
		{ " lo", ADVICE_LOCKED },
		{ " dd", ADVICE_DONT_DUMP },
		{ " hg", ADVICE_HUGE_PAGE },
		{ " nh", ADVICE_NO_HUGE_PAGE },
		{ " dc", ADVICE_DONT_FORK },
		{ " wf", ADVICE_WIPE_ON_FORK },
		{ " mg", ADVICE_MERGEABLE },
	};
	unsigned advice = 0;

	for (size_t i = 0; i < FONDUE_COUNT(flags); i++)
		if (text_contains(line, flags[i].flag))
			advice |= flags[i].advice;
	return advice;
}

struct reading {
	uint64_t start, stop; /* what is asked for */
	uint64_t covered;     /* seen to be mapped from start to here */
	struct page_state *state;
};

static void add_piece(struct reading *reading, const struct mapping *mapping, unsigned advice)
{
	struct page_state *state = reading->state;
	struct advice_piece piece = { .start = mapping->start, .stop = mapping->stop };

	/* of on-fault locks the kernel shows only that not all of it is there */
	if ((advice & ADVICE_LOCKED) && mapping->resident_kib < mapping->size_kib)
		advice |= ADVICE_ON_FAULT;
	if (!advice)
		return;
	if (state->count == ADVICE_PIECES_MAX) {
		state->cut = true;
		return;
	}
	piece.advice = advice;
	if (piece.start < reading->start)
		piece.start = reading->start;
	if (piece.stop > reading->stop)
		piece.stop = reading->stop;
	state->pieces[state->count++] = piece;
}

static void cover(struct reading *reading, const struct mapping *mapping)
{
	if (mapping->start > reading->covered || !mapping->ordinary)
		reading->state->ordinary = false;
	if (mapping->stop > reading->covered)
		reading->covered = mapping->stop;
}

static void read_mappings(struct lines *lines, struct reading *reading)
{
	struct mapping mapping = { .start = 0 };
	bool inside = false;

	while (next_line(lines)) {
		if (read_head(lines->line, &mapping)) {
			if (mapping.start >= reading->stop)
				return;
			inside = mapping.stop > reading->start;
			if (inside)
				cover(reading, &mapping);
		} else if (inside) {
			read_size(lines->line, "Size:", &mapping.size_kib);
			read_size(lines->line, "Rss:", &mapping.resident_kib);
			if (text_begins(lines->line, "VmFlags:"))
				add_piece(reading, &mapping, read_flags(lines->line));
		}
	}
}

void advice_read(uint64_t start, uint64_t stop, struct page_state *ret)
{
	struct lines lines = { .pos = 0 };
	struct reading reading = {
		.start = start, .stop = stop, .covered = start, .state = ret };

	ret->known = ret->cut = false;
	ret->ordinary = true;
	ret->count = 0;
	lines.fd = sys_call(SYS_openat, AT_FDCWD, "/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	if (lines.fd < 0)
		return;
	read_mappings(&lines, &reading);
	ret->known = !lines.broken;
	if (reading.covered < stop)
		ret->ordinary = false;
	(void)sys_call(SYS_close, lines.fd);
}

/* From small to large: the last that is lost is named. */
static const struct property {
	enum advice advice;
	int madvise; /* -1: a lock */
	bool private_only;
	const char *name;
} properties[] = {
	{ ADVICE_MERGEABLE, MADV_MERGEABLE, true, "MADV_MERGEABLE" },
	{ ADVICE_WIPE_ON_FORK, MADV_WIPEONFORK, true, "MADV_WIPEONFORK" },
	{ ADVICE_DONT_FORK, MADV_DONTFORK, true, "MADV_DONTFORK" },
	{ ADVICE_NO_HUGE_PAGE, MADV_NOHUGEPAGE, false, "MADV_NOHUGEPAGE" },
	{ ADVICE_HUGE_PAGE, MADV_HUGEPAGE, false, "MADV_HUGEPAGE" },
	{ ADVICE_DONT_DUMP, MADV_DONTDUMP, false, "MADV_DONTDUMP" },
	{ ADVICE_LOCKED, -1, false, "mlock" },
};

static bool lock(const struct advice_piece *piece)
{
	size_t size = piece->stop - piece->start;

	if (piece->advice & ADVICE_ON_FAULT)
		return sys_call(SYS_mlock2, piece->start, size, LOCK_ON_FAULT) == 0;
	return sys_call(SYS_mlock, piece->start, size) == 0;
}

static bool ask(const struct advice_piece *piece, const struct property *property, bool shared)
{
	if (property->private_only && shared)
		return false;
	if (property->madvise < 0)
		return lock(piece);
	return sys_call(SYS_madvise, piece->start, piece->stop - piece->start,
		       property->madvise) == 0;
}

const char *advice_restore(const struct page_state *state, bool shared)
{
	const char *lost = NULL;

	if (!state->known)
		return NULL;
	if (state->cut)
		lost = "advice on one of very many parts";
	for (unsigned i = 0; i < state->count; i++)
		for (unsigned k = 0; k < FONDUE_COUNT(properties); k++)
			if ((state->pieces[i].advice & properties[k].advice) &&
				!ask(&state->pieces[i], &properties[k], shared))
				lost = properties[k].name;
	return lost;
}
