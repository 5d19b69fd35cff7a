/* SPDX-License-Identifier: MIT */
/*
 * mappings.c - reading /proc/PID/maps
 *
 *	7f12a4000000-7f12a4026000 r-xp 00001000 fe:01 1312   /usr/lib/libfoo.so (deleted)
 *
 * One line for each mapping, in the order of addresses. The file is read in pieces with
 * plain system calls into the caller's memory: nothing is allocated, and the descriptor is
 * closed before the result is used. A process that maps and unmaps meanwhile may be shown a
 * little askew; no single line is. In a path the kernel writes a newline as \012, and a
 * file whose path is so odd is not found again: it stays unnamed.
 */
#include <fcntl.h>

#include "log.h"
#include "mappings.h"
#include "text.h"

/* The longest line: some 75 characters and a path. */
#define LINE_LENGTH 4608

struct reader {
	long fd;
	size_t at, end;
	char bytes[LINE_LENGTH];
};

static bool refill(struct reader *reader)
{
	size_t kept = reader->end - reader->at;
	long got;

	for (size_t i = 0; i < kept; i++)
		reader->bytes[i] = reader->bytes[reader->at + i];
	reader->at = 0;
	reader->end = kept;
	if (kept == sizeof(reader->bytes))
		return false; /* longer than any line: no file of the kernel's */
	do
		got = sys_call(SYS_read, reader->fd, reader->bytes + kept,
			sizeof(reader->bytes) - kept);
	while (got == -EINTR);
	if (got <= 0)
		return false;
	reader->end += got;
	return true;
}

/* The next line, its newline made a 0 byte; valid until the next one is asked for. */
static char *next_line(struct reader *reader)
{
	size_t seen = 0;

	for (;;) {
		for (; reader->at + seen < reader->end; seen++) {
			char *line = reader->bytes + reader->at;

			if (line[seen] != '\n')
				continue;
			line[seen] = '\0';
			reader->at += seen + 1;
			return line;
		}
		if (!refill(reader))
			return NULL;
	}
}

static uint64_t take_number(const char **text, unsigned base)
{
	uint64_t value = 0;

	for (; text_digit(**text, base) < base; (*text)++)
		value = value * base + text_digit(**text, base);
	return value;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static bool take_rights(const char **text, struct mapping *mapping)
{
	const char *rights = *text;

	for (unsigned i = 0; i < 4; i++)
		if (!rights[i])
			return false;
	mapping->readable = rights[0] == 'r';
	mapping->writable = rights[1] == 'w';
	mapping->executable = rights[2] == 'x';
	*text += 4;
	return take_char(text, ' ');
}

/* All but the path. Return: where that begins, or NULL when it is not such a line. */
static const char *parse(const char *line, struct mapping *ret)
{
	*ret = (struct mapping){ .start = take_number(&line, 16) };
	if (!take_char(&line, '-'))
		return NULL;
	ret->end = take_number(&line, 16);
	if (!take_char(&line, ' ') || !take_rights(&line, ret))
		return NULL;
	ret->offset = take_number(&line, 16);
	if (!take_char(&line, ' '))
		return NULL;
	take_number(&line, 16); /* the device: other than stat()'s on some file systems */
	if (!take_char(&line, ':'))
		return NULL;
	take_number(&line, 16);
	if (!take_char(&line, ' '))
		return NULL;
	ret->inode = take_number(&line, 10);
	while (take_char(&line, ' '))
		;
	return ret->start < ret->end ? line : NULL;
}

/* Call @visit for each mapping until it returns false. */
static int walk(pid_t pid, bool (*visit)(struct mapping *, const char *path, void *), void *arg)
{
	struct reader reader = { .at = 0, .end = 0 };
	struct mapping mapping;
	const char *path;
	char name[64], *line;

	log_format(name, sizeof(name), "/proc/%d/maps", pid);
	reader.fd = sys_call(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
	if (reader.fd < 0)
		return reader.fd;
	while ((line = next_line(&reader))) {
		path = parse(line, &mapping);
		if (path && !visit(&mapping, path, arg))
			break;
	}
	(void)sys_call(SYS_close, reader.fd);
	return 0;
}

static const char deleted[] = " (deleted)";

/* Length of the path without the remark. */
static size_t path_length(const char *path, struct mapping *mapping)
{
	size_t len = text_length(path), tail = sizeof(deleted) - 1;

	mapping->deleted = len > tail && text_equals(path + len - tail, deleted);
	return mapping->deleted ? len - tail : len;
}

/* Neighbours are mostly of one file: its path is kept once. */
static bool keep_path(struct mappings *maps, struct mapping *mapping, const char *path)
{
	const struct mapping *last = maps->count ? &maps->entries[maps->count - 1] : NULL;
	size_t len = path_length(path, mapping);

	if (last && last->inode == mapping->inode && last->deleted == mapping->deleted) {
		const char *rest = text_behind(path, mappings_path(maps, last));

		mapping->path = last->path;
		if (rest && rest == path + len)
			return true;
	}
	if (len >= sizeof(maps->text) - maps->used)
		return false;
	mapping->path = maps->used;
	for (size_t i = 0; i < len; i++)
		maps->text[maps->used++] = path[i];
	maps->text[maps->used++] = '\0';
	return true;
}

static bool keep(struct mapping *mapping, const char *path, void *arg)
{
	struct mappings *maps = arg;

	if (*path != '/' && !mapping->executable)
		return true;
	if (maps->count == MAPPINGS_MAX || !keep_path(maps, mapping, path))
		return false;
	maps->entries[maps->count++] = *mapping;
	return true;
}

int mappings_read(struct mappings *maps, pid_t pid)
{
	maps->count = 0;
	maps->used = 0;
	return walk(pid, keep, maps);
}

const struct mapping *mappings_below(const struct mappings *maps, uintptr_t address)
{
	unsigned low = 0, high = maps->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (maps->entries[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &maps->entries[low - 1] : NULL;
}

const struct mapping *mappings_find(const struct mappings *maps, uintptr_t address)
{
	const struct mapping *below = mappings_below(maps, address);

	return below && address < below->end ? below : NULL;
}

const struct mapping *mappings_head(const struct mappings *maps, const struct mapping *mapping)
{
	const struct mapping *first = maps->entries;

	for (const struct mapping *m = mapping; m >= first; m--) {
		if (m->path != mapping->path || m->inode != mapping->inode)
			return NULL;
		if (m->offset == 0)
			return m;
	}
	return NULL;
}

struct around {
	uintptr_t address;
	struct mapping found;
};

static bool look_around(struct mapping *mapping, const char *path, void *arg)
{
	struct around *around = arg;

	(void)path;
	if (around->address >= mapping->end)
		return true;
	if (around->address >= mapping->start && mapping->readable)
		around->found = *mapping;
	return false;
}

bool mappings_around(uintptr_t address, uintptr_t *ret_start, uintptr_t *ret_end)
{
	struct around around = { .address = address };

	if (walk(sys_call(SYS_getpid), look_around, &around) != 0 || !around.found.end)
		return false;
	*ret_start = around.found.start;
	*ret_end = around.found.end;
	return true;
}
