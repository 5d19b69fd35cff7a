/* SPDX-License-Identifier: MIT */
/*
 * Description: what is mapped in a process, and what of it can be read
 */
#include <fcntl.h>
#include <sys/auxv.h>

#include "kernel.h"
#include "scratch.h"
#include "target.h"

static struct mappings maps;
static struct target target;

static size_t file_pages;

/* A file of that name, each page of which begins with its number; mapped as a whole. */
static uint8_t *map_file(const char *path, size_t pages, int rights)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	void *at;

	for (size_t i = 0; i < pages; i++)
		if (pwrite(fd, &i, sizeof(i), i * page_size()) != sizeof(i))
			tap_bail_out("cannot write a file");
	if (ftruncate(fd, pages * page_size()) != 0)
		tap_bail_out("cannot make a file longer");
	at = mmap(NULL, pages * page_size(), rights, MAP_PRIVATE, fd, 0);
	close(fd);
	file_pages = pages;
	return at == MAP_FAILED ? NULL : at;
}

static int play_file(void)
{
	const char *path = scratch_path("a file (deleted) or so");
	uint8_t *at = map_file(path, 4, PROT_READ);
	const struct mapping *first, *second;
	struct stat status;

	must(at && stat(path, &status) == 0);
	/* the second half has other rights: two mappings of one file */
	must(mprotect(at + 2 * page_size(), 2 * page_size(), PROT_READ | PROT_EXEC) == 0);
	must(mappings_read(&maps, getpid()) == 0);
	first = mappings_find(&maps, (uintptr_t)at);
	second = mappings_find(&maps, (uintptr_t)at + 4 * page_size() - 1);
	must(first && second && second == first + 1);
	must(first->start == (uintptr_t)at && first->end == second->start);
	must(first->offset == 0 && second->offset == 2 * page_size());
	must(first->inode == status.st_ino && second->inode == status.st_ino);
	must(!first->executable && second->executable && first->readable && !first->writable);
	must(!strcmp(mappings_path(&maps, first), path) && !first->deleted);
	must(first->path == second->path);
	must(mappings_head(&maps, second) == first && mappings_head(&maps, first) == first);
	must(mappings_find(&maps, (uintptr_t)at + 4 * page_size()) != second);
	return CHILD_GOOD;
}

static int play_deleted(void)
{
	const char *path = scratch_path("gone");
	uint8_t *at = map_file(path, 1, PROT_READ);
	const struct mapping *mapping;

	must(at && unlink(path) == 0 && mappings_read(&maps, getpid()) == 0);
	mapping = mappings_find(&maps, (uintptr_t)at);
	must(mapping && mapping->deleted && !strcmp(mappings_path(&maps, mapping), path));
	return CHILD_GOOD;
}

/* An object whose first page is not mapped has no header. */
static int play_headless(void)
{
	uint8_t *at = map_file(scratch_path("headless"), 3, PROT_READ);

	must(at && munmap(at, page_size()) == 0 && mappings_read(&maps, getpid()) == 0);
	at += page_size();
	must(mappings_find(&maps, (uintptr_t)at));
	must(!mappings_head(&maps, mappings_find(&maps, (uintptr_t)at)));
	return CHILD_GOOD;
}

/* More than there is room for: the rest is unknown. */
static int play_many(void)
{
	size_t pages = 2 * MAPPINGS_MAX + 100;
	uint8_t *at = map_file(scratch_path("many"), pages, PROT_READ);

	must(at);
	for (size_t i = 0; i < pages; i += 2)
		must(mprotect(at + i * page_size(), page_size(), PROT_READ | PROT_WRITE) == 0);
	must(mappings_read(&maps, getpid()) == 0 && maps.count == MAPPINGS_MAX);
	for (unsigned i = 1; i < maps.count; i++)
		must(maps.entries[i - 1].end <= maps.entries[i].start);
	for (unsigned i = 0; i < maps.count; i++)
		must(mappings_find(&maps, maps.entries[i].start) == &maps.entries[i]);
	return CHILD_GOOD;
}

static int play_nobody(void)
{
	must(mappings_read(&maps, 0x7fffffff) == -ENOENT && maps.count == 0);
	must(!mappings_find(&maps, (uintptr_t)&maps));
	kernel_refuse(SYS_openat, EACCES);
	must(mappings_read(&maps, getpid()) == -EACCES);
	return CHILD_GOOD;
}

static int play_around(void)
{
	uint8_t *pages = make_pages(3);
	uintptr_t start, end, local = (uintptr_t)&start;

	must(mappings_around(local, &start, &end) && start <= local && local < end);
	must(mprotect(pages + page_size(), page_size(), PROT_NONE) == 0);
	must(!mappings_around((uintptr_t)pages + page_size(), &start, &end));
	must(mappings_around((uintptr_t)pages, &start, &end));
	must(end == (uintptr_t)pages + page_size());
	return CHILD_GOOD;
}

/* What can be read, from memory or from the file. */
static int judge_reading(uint8_t *at)
{
	unsigned char bytes[64];
	uintptr_t address = (uintptr_t)at;
	size_t number;

	for (size_t i = 0; i < file_pages; i++) {
		must(target_read(&target, address + i * page_size(), &number, sizeof(number)));
		must(number == i);
	}
	/* across pages; up to the last byte and not further; what is no file, not at all */
	must(target_read(&target, address + page_size() - 3, bytes, 6));
	must(!memcmp(bytes, at + page_size() - 3, 6));
	must(target_read(&target, address + file_pages * page_size() - 8, bytes, 8));
	must(!target_read(&target, (uintptr_t)make_pages(1), bytes, 8));
	must(!target_read(&target, (uintptr_t)bytes, bytes, 8));
	must(!target_read(&target, UINTPTR_MAX - 3, bytes, 8));
	must(!target_read(&target, 0, bytes, 8));
	return CHILD_GOOD;
}

static uint8_t *map_guarded(const char *name)
{
	uint8_t *at = map_file(scratch_path(name), 40, PROT_READ);

	/* more pages than the cache has, and nothing behind them */
	file_pages = 39;
	munmap(at + 39 * page_size(), page_size());
	return at;
}

static int play_reading(void)
{
	uint8_t *at = map_guarded("reading");
	unsigned char byte;

	must(at && target_open(&target, getpid()) == 0);
	must(judge_reading(at) == CHILD_GOOD);
	must(!target_read(&target, (uintptr_t)at + 39 * page_size(), &byte, 1));
	must(target_is_code(&target, (uintptr_t)play_reading));
	must(!target_is_code(&target, (uintptr_t)at) && !target_is_code(&target, 0));
	return CHILD_GOOD;
}

static int play_reading_files(void)
{
	uint8_t *at = map_guarded("files");
	int descriptor = next_descriptor();
	unsigned char bytes[4];

	kernel_refuse(SYS_process_vm_readv, EPERM);
	must(at && target_open(&target, getpid()) == 0);
	must(judge_reading(at) == CHILD_GOOD && target.is_closed);
	must(kernel_calls(SYS_process_vm_readv) == 1); /* once is enough */
	must(next_descriptor() == descriptor);
	/* there is no file of the vdso, but our own is the same */
	if (getauxval(AT_SYSINFO_EHDR)) {
		must(target_read(&target, getauxval(AT_SYSINFO_EHDR), bytes, sizeof(bytes)));
		must(!memcmp(bytes, "\177ELF", 4));
	}
	return CHILD_GOOD;
}

static int play_replaced_file(void)
{
	const char *path = scratch_path("replaced");
	uint8_t *at = map_file(path, 2, PROT_READ);
	unsigned char byte;

	kernel_refuse(SYS_process_vm_readv, EPERM);
	must(at && target_open(&target, getpid()) == 0);
	must(rename(path, scratch_path("kept")) == 0 && map_file(path, 2, PROT_READ));
	must(!target_read(&target, (uintptr_t)at, &byte, 1));
	return CHILD_GOOD;
}

int main(void)
{
	scratch_make();
	test_play_natively("two mappings of a file", play_file);
	test_play_natively("a file that is deleted", play_deleted);
	test_play_natively("an object without its first page", play_headless);
	test_play_natively("more mappings than there is room for", play_many);
	test_play("no such process, and one that may not be looked at", play_nobody);
	test_play_natively("the bounds of a stack", play_around);
	test_play_natively("bytes of files, from memory", play_reading);
	test_play_natively("bytes of files, from files", play_reading_files);
	test_play_natively("no bytes of a file that is another one now", play_replaced_file);
	scratch_remove();
	return tap_done();
}
