/* SPDX-License-Identifier: MIT */
/*
 * Description: which memory an address is in, and whether others have it, too
 */
#include <errno.h>
#include <fcntl.h>

#include "kernel.h"
#include "sharing.h"
#include "unit.h"

static int play_parse(void)
{
	struct sharing s;

	must(sharing_parse("7f12c4a00000-7f12c4a01000 rw-s 00003000 00:1f 1234   /dev/zero "
			   "(deleted)\n",
		&s));
	must(s.start == 0x7f12c4a00000 && s.end == 0x7f12c4a01000 && s.shared);
	must(s.offset == 0x3000 && s.device == 0x1f && s.inode == 1234);
	must(sharing_parse("1000-2000 r-xp 00000000 103:02 5 \n", &s) && !s.shared);
	must(s.device == (0x103ULL << 32 | 2) && s.inode == 5);
	must(!sharing_parse("\n", &s) && !sharing_parse("1000-2000 rw\n", &s));
	must(!sharing_parse("1000-2000 rw-s 00000000\n", &s));
	must(!sharing_parse("rubbish rubbish\n", &s) && !sharing_parse("1000-2000 rw-s \n", &s));
	return CHILD_GOOD;
}

static char *map(int flags, int file, off_t offset)
{
	char *at = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, flags, file, offset);

	return at == MAP_FAILED ? NULL : at;
}

static int play_memory(void)
{
	char *shared = map(MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *other = map(MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *own = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), on_stack;
	struct sharing s, t;

	must(shared && other && own);
	must(sharing_read((uintptr_t)shared + 8, &s) && s.shared);
	must(sharing_read((uintptr_t)other + 8, &t) && t.shared);
	must(s.inode != t.inode || s.device != t.device || s.offset != t.offset ||
		s.start == t.start);
	must(s.start <= (uintptr_t)shared && s.end > (uintptr_t)shared);
	must(sharing_read((uintptr_t)own, &s) && !s.shared);
	must(sharing_read((uintptr_t)&on_stack, &s) && !s.shared);
	must(sharing_read((uintptr_t)play_memory, &s) && !s.shared);
	must(!sharing_read(8, &s));
	return CHILD_GOOD;
}

/* The same page of a file at two addresses, and another page of it. */
static int play_file(void)
{
	int file = memfd_create("memory", 0);
	struct sharing s[3];
	char *at[3];

	must(file >= 0 && ftruncate(file, 4 * page_size()) == 0);
	for (unsigned i = 0; i < 3; i++) {
		at[i] = map(MAP_SHARED, file, (i + 1) / 2 * page_size() * 2);
		must(at[i] && sharing_read((uintptr_t)at[i], &s[i]) && s[i].shared);
		s[i].offset += (uintptr_t)at[i] - s[i].start;
		must(s[i].inode == s[0].inode && s[i].device == s[0].device);
	}
	must(s[1].offset == s[2].offset && s[0].offset + 2 * page_size() == s[1].offset);
	return CHILD_GOOD;
}

/* A name that is longer than what is read at a time must not hide what follows. */
static int play_long_names(void)
{
	char name[4096] = "/tmp/";
	struct sharing s;
	char *page;
	int file;

	for (unsigned i = 0; i < 14; i++) {
		memset(name + strlen(name), 'x', 200);
		strcat(name, "/");
		mkdir(name, 0700);
	}
	strcat(name, "file");
	file = open(name, O_RDWR | O_CREAT, 0600);
	must(file >= 0 && ftruncate(file, 40 * page_size()) == 0);
	for (unsigned i = 0; i < 10; i++) {
		page = map(MAP_SHARED, file, 2 * i * page_size());
		must(page && sharing_read((uintptr_t)page, &s) && s.shared);
		must(s.start <= (uintptr_t)page && s.end > (uintptr_t)page);
		must(sharing_read((uintptr_t)&s, &s) && !s.shared);
	}
	unlink(name);
	for (char *slash; (slash = strrchr(name, '/')) > name + 4;) {
		*slash = '\0';
		rmdir(name);
	}
	return CHILD_GOOD;
}

static int play_cache(void)
{
	static struct sharing_cache cache;
	char *shared = map(MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sharing s;
	unsigned before;

	must(sharing_find(&cache, (uintptr_t)shared, &s) && s.shared);
	before = kernel_calls(SYS_openat);
	must(before && sharing_find(&cache, (uintptr_t)shared + 8, &s) && s.shared);
	must(kernel_calls(SYS_openat) == before);
	must(sharing_find(&cache, (uintptr_t)&cache, &s) && !s.shared);
	must(kernel_calls(SYS_openat) == before + 1);
	cache.writing = 1; /* whom we have interrupted */
	must(sharing_find(&cache, (uintptr_t)&before, &s) && !s.shared);
	must(cache.used == 2);
	return CHILD_GOOD;
}

static int play_refused(void)
{
	static struct sharing_cache cache;
	struct sharing s;

	kernel_refuse(SYS_openat, EACCES);
	must(!sharing_find(&cache, (uintptr_t)&cache, &s) && !cache.used);
	return CHILD_GOOD;
}

int main(void)
{
	test_play("a line is understood, or it is none", play_parse);
	test_play_natively("memory is shared or not", play_memory);
	test_play_natively("one page of a file is the same wherever it is mapped", play_file);
	test_play_natively("a long name hides nothing", play_long_names);
	test_play_natively("what was found is found again without the kernel", play_cache);
	test_play("where the kernel does not tell nothing is found", play_refused);
	return tap_done();
}
