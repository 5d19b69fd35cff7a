/* SPDX-License-Identifier: MIT */
/*
 * target.c - two ways to the same bytes, and a small cache of pages
 *
 * The memory of the process is the better source: it is what runs, whatever has become of
 * the file, and needs no descriptor. The kernel refuses it for a process that made itself
 * undumpable, under Yama's ptrace_scope, and in some sandboxes; then the file serves, which
 * must have the inode that was mapped. Its device is not compared: overlayfs and btrfs show
 * another one to stat() than in maps.
 *
 * An unwinder reads tables a byte at a time and comes back to the same places, so pages are
 * kept; which one goes is decided by the address alone, as in a direct-mapped cache.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "target.h"
#include "text.h"

/* A remote range ends at the first piece that is not there: so it is asked for by pages. */
#define PIECES 32

long target_copy(pid_t pid, uintptr_t address, void *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		struct iovec local = { .iov_base = (char *)bytes + done }, remote[PIECES];
		uintptr_t at = address + done;
		unsigned count = 0;
		long got;

		for (; local.iov_len < size - done && count < PIECES; count++) {
			size_t piece = TARGET_PAGE - at % TARGET_PAGE;

			if (piece > size - done - local.iov_len)
				piece = size - done - local.iov_len;
			remote[count] = (struct iovec){ (void *)at, piece };
			local.iov_len += piece;
			at += piece;
		}
		got = sys_call(SYS_process_vm_readv, pid, &local, 1UL, remote,
			(unsigned long)count, 0UL);
		if (got <= 0)
			return done ? (long)done : got;
		done += got;
		if ((size_t)got < local.iov_len)
			break;
	}
	return done;
}

int target_open(struct target *target, pid_t pid)
{
	target->pid = pid;
	target->is_closed = false;
	for (unsigned i = 0; i < TARGET_PAGES; i++)
		target->pages[i].filled = false;
	return mappings_read(&target->maps, pid);
}

/* The vdso has no file; but every process of this kernel has the same one. */
static long read_vdso(
	const struct mapping *mapping, uintptr_t address, void *bytes, size_t size)
{
	uintptr_t ours = getauxval(AT_SYSINFO_EHDR), start, end;

	if (!ours || !mappings_around(ours, &start, &end) || start != ours ||
		end - start != mapping->end - mapping->start)
		return -ENODATA;
	memcpy(bytes, (const void *)(ours + (address - mapping->start)), size);
	return size;
}

static long read_file(struct target *target, const struct mapping *mapping, uint64_t offset,
	void *bytes, size_t size)
{
	struct stat status;
	long fd, got;

	/* what has come to this name instead may be a pipe: do not wait for its writer */
	fd = sys_call(SYS_openat, AT_FDCWD, mappings_path(&target->maps, mapping),
		O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	got = sys_call(SYS_fstat, fd, &status);
	if (got == 0 && (!S_ISREG(status.st_mode) || status.st_ino != mapping->inode))
		got = -ESTALE;
	if (got == 0)
		got = sys_call(SYS_pread64, fd, bytes, size, offset);
	(void)sys_call(SYS_close, fd);
	return got;
}

static long read_page(struct target *target, const struct mapping *mapping, uintptr_t page,
	void *bytes)
{
	long got;

	if (!target->is_closed) {
		got = target_copy(target->pid, page, bytes, TARGET_PAGE);
		if (got != -EPERM && got != -ENOSYS && got != -EACCES)
			return got;
		target->is_closed = true;
	}
	if (text_equals(mappings_path(&target->maps, mapping), "[vdso]"))
		return read_vdso(mapping, page, bytes, TARGET_PAGE);
	if (mapping->deleted || *mappings_path(&target->maps, mapping) != '/')
		return -ESTALE;
	return read_file(target, mapping, mapping->offset + (page - mapping->start), bytes,
		TARGET_PAGE);
}

static const struct target_page *page_at(struct target *target, uintptr_t address)
{
	uintptr_t page = align_down(address, TARGET_PAGE);
	struct target_page *slot = &target->pages[page / TARGET_PAGE % TARGET_PAGES];
	const struct mapping *mapping;
	long got = 0;

	if (slot->filled && slot->address == page)
		return slot;
	mapping = mappings_find(&target->maps, address);
	if (mapping && mapping->readable)
		got = read_page(target, mapping, page, slot->bytes);
	if (got > 0) /* behind the end of a file its last page is zero */
		memset(slot->bytes + got, 0, TARGET_PAGE - got);
	slot->address = page;
	slot->is_there = got > 0;
	slot->filled = true;
	return slot;
}

bool target_read(struct target *target, uintptr_t address, void *bytes, size_t size)
{
	while (size) {
		const struct target_page *page = page_at(target, address);
		size_t at = address % TARGET_PAGE, piece;

		if (!page->is_there)
			return false;
		piece = TARGET_PAGE - at < size ? TARGET_PAGE - at : size;
		memcpy(bytes, page->bytes + at, piece);
		bytes = (char *)bytes + piece;
		address += piece;
		size -= piece;
	}
	return true;
}

bool target_is_code(const struct target *target, uintptr_t address)
{
	const struct mapping *mapping = mappings_find(&target->maps, address);

	return mapping && mapping->executable;
}
