/* SPDX-License-Identifier: MIT */
/*
 * disposition.c - five lines of a file that may be long
 *
 * One of its lines names all groups of the user, thousands in some places, and what is
 * wanted stands behind it. So the file is read piece by piece, and of each line only the
 * beginning is kept.
 */
#include <fcntl.h>

#include "disposition.h"
#include "log.h"
#include "text.h"

struct reader {
	long fd;
	long len, at;
	char bytes[256];
};

static int next_byte(struct reader *r)
{
	if (r->at == r->len) {
		do
			r->len = sys_call(SYS_read, r->fd, r->bytes, sizeof(r->bytes));
		while (r->len == -EINTR);
		if (r->len <= 0)
			return -1;
		r->at = 0;
	}
	return (unsigned char)r->bytes[r->at++];
}

/* Return: false at the end of the file, or when it cannot be read on: r->len says which. */
static bool next_line(struct reader *r, char *line, size_t size)
{
	size_t len = 0;
	int byte;

	while ((byte = next_byte(r)) >= 0 && byte != '\n')
		if (len < size - 1)
			line[len++] = byte;
	line[len] = '\0';
	return byte >= 0;
}

static bool take(const char *line, const char *name, unsigned base, uint64_t *ret)
{
	const char *text = text_behind(line, name);

	if (!text)
		return false;
	for (*ret = 0; text_digit(*text, base) < base; text++)
		*ret = *ret * base + text_digit(*text, base);
	return true;
}

/* Which of the lines is it? As a bit; 0: none that is wanted. */
static unsigned understand(const char *line, struct disposition *ret)
{
	const char *state = text_behind(line, "State:\t");
	uint64_t value;

	if (state) {
		ret->state = *state;
		return 1;
	}
	if (take(line, "Tgid:\t", 10, &value)) {
		ret->pid = value;
		return 2;
	}
	if (take(line, "SigBlk:\t", 16, &ret->blocked))
		return 4;
	if (take(line, "SigIgn:\t", 16, &ret->ignored))
		return 8;
	if (take(line, "SigCgt:\t", 16, &ret->caught))
		return 16;
	/* absent where the kernel has no filters */
	if (take(line, "Seccomp:\t", 10, &value))
		ret->is_filtered = value != 0;
	return 0;
}

int disposition_read(pid_t pid, pid_t tid, struct disposition *ret)
{
	struct disposition found = { .pid = 0 };
	struct reader r = { .fd = -1 };
	char line[48], path[64];
	unsigned seen = 0;

	log_format(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	r.fd = sys_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (r.fd < 0)
		return r.fd == -ENOENT ? -ESRCH : r.fd;
	while (next_line(&r, line, sizeof(line)))
		seen |= understand(line, &found);
	(void)sys_call(SYS_close, r.fd);
	if (seen != 31)
		return r.len < 0 ? r.len : -ENODATA;
	*ret = found;
	return 0;
}
