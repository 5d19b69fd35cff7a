/* SPDX-License-Identifier: MIT */
/*
 * Description: pages are copied without touching what nobody has touched, and what was
 * asked of them is known and can be asked again
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "advice.h"
#include "kernel.h"
#include "pages.h"
#include "unit.h"

static size_t page;

/* Does a page of this mapping exist? */
static bool is_populated(const uint8_t *at)
{
	unsigned char there = 0;

	return mincore((void *)at, page, &there) == 0 && (there & 1);
}

static size_t populated(const uint8_t *pages, size_t count)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += is_populated(pages + i * page);
	return sum;
}

/* Zeroed pages of which none exists yet, and which come one at a time. */
static uint8_t *make_sparse(size_t count)
{
	uint8_t *pages = make_pages(count);

	madvise(pages, count * page, MADV_NOHUGEPAGE);
	return pages;
}

static struct range range_of(const uint8_t *pages, size_t count, uint64_t file_end)
{
	return (struct range){.start = (uintptr_t)pages,
		.stop = (uintptr_t)pages + count * page,
		.file_end = file_end};
}

/* Copying */

#define SPARSE_SIZE ((size_t)64 << 20)

static const size_t touched[] = {0, 1, 511, 512, 513, 1023, 1024, 5000, 16383};

static int play_sparse(void)
{
	size_t count = SPARSE_SIZE / page, few = 0;
	uint8_t *from = make_sparse(count), *to = make_sparse(count);
	struct range range = range_of(from, count, 0);
	int fd = next_descriptor();

	for (unsigned i = 0; i < FONDUE_COUNT(touched); i++)
		if (touched[i] < count) {
			from[touched[i] * page] = 0; /* exists, and holds only zeros */
			from[touched[i] * page + i] = i;
			few++;
		}
	must(populated(from, count) == few && populated(to, count) == 0);
	errno = EXDEV;
	pages_copy(&range, to, page);
	must(errno == EXDEV);
	must(next_descriptor() == fd);
	must(populated(from, count) == few);
	must(populated(to, count) == few - 1); /* touched[0] got a 0 */
	must(!is_populated(to));
	for (unsigned i = 0; i < FONDUE_COUNT(touched); i++)
		must(touched[i] >= count || to[touched[i] * page + i] == i);
	must(!memcmp(from, to, SPARSE_SIZE));
	return CHILD_GOOD;
}

/* One byte that is not zero, anywhere in a page, is enough. */
static int play_last_byte(void)
{
	uint8_t *from = make_sparse(8), *to = make_sparse(8);
	struct range range = range_of(from, 8, 0);

	for (size_t i = 0; i < 8; i++)
		from[i * page + (i < 4 ? page - 1 - i : i)] = 0x80;
	pages_copy(&range, to, page);
	must(!memcmp(from, to, 8 * page));
	return CHILD_GOOD;
}

static int file_of(size_t size)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	uint8_t byte;

	for (size_t i = 0; i < size; i++) {
		byte = 1 + i % 251;
		if (pwrite(fd, &byte, 1, i) != 1)
			return -1;
	}
	return fd;
}

/*
 * A segment as a loader maps it: @size bytes of a file, never touched, and then zeros.
 * They end in mid page, and the rest of that page is zero.
 */
static uint8_t *map_file(size_t size, size_t count)
{
	uint8_t *pages = make_sparse(count);
	int fd = file_of(size);

	if (size && (fd < 0 || mmap(pages, size, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_FIXED, fd, 0) != pages))
		tap_bail_out("no file");
	close(fd);
	return pages;
}

static bool is_copied(size_t file_size, int64_t file_end, size_t count)
{
	uint8_t *from = map_file(file_size, count), *to = make_sparse(count);
	struct range range = range_of(from, count, (uintptr_t)from + file_end);
	bool good;

	pages_copy(&range, to, page);
	good = !memcmp(from, to, count * page);
	for (size_t i = 0; good && i < count * page; i++)
		good = to[i] == (i < file_size ? 1 + i % 251 : 0);
	munmap(from, count * page);
	munmap(to, count * page);
	return good;
}

static int play_file(void)
{
	must(is_copied(2 * page, 2 * page, 4));	    /* ends with a page */
	must(is_copied(page + 100, page + 100, 4)); /* in mid page */
	must(is_copied(2 * page - 1, 2 * page - 1, 4));
	must(is_copied(1, 1, 4));
	must(is_copied(page + 1, page + 1, 2));	     /* in the last page */
	must(is_copied(4 * page, 4 * page, 4));	     /* at the end of the range */
	must(is_copied(4 * page, 99 * page + 1, 4)); /* behind it */
	must(is_copied(0, 0, 4));		     /* at its start */
	must(is_copied(0, -(int64_t)page - 1, 4));   /* before it */
	return CHILD_GOOD;
}

/* Pages of the file keep their contents, those behind are not touched. */
static int play_file_sparse(void)
{
	uint8_t *from = map_file(page + 100, 64), *to = make_sparse(64);
	struct range range = range_of(from, 64, (uintptr_t)from + page + 100);

	from[40 * page] = 40;
	pages_copy(&range, to, page);
	must(populated(to, 64) == 3 && is_populated(to + 40 * page));
	must(populated(from + 2 * page, 62) == 1);
	must(!memcmp(from, to, 64 * page));
	return CHILD_GOOD;
}

static int copies_right(void)
{
	size_t count = 1200; /* more than one batch of pagemap's entries */
	uint8_t *from = map_file(page + 100, count), *to = make_sparse(count);
	struct range range = range_of(from, count, (uintptr_t)from + page + 100);

	from[700 * page + 5] = 7;
	from[count * page - 1] = 9;
	errno = EXDEV;
	pages_copy(&range, to, page);
	must(errno == EXDEV);
	must(populated(to, count) == 4); /* comparing will touch them all */
	must(!memcmp(from, to, count * page));
	return CHILD_GOOD;
}

static int play_no_proc(void)
{
	kernel_refuse(SYS_openat, EACCES);
	must(copies_right() == CHILD_GOOD);
	must(kernel_calls(SYS_openat) > 0);
	return CHILD_GOOD;
}

static int play_no_descriptors(void)
{
	const struct rlimit none = {3, 3};
	size_t count = 1200;
	uint8_t *from = make_sparse(count), *to = make_sparse(count);
	struct range range = range_of(from, count, 0);

	from[700 * page + 5] = 7;
	must(setrlimit(RLIMIT_NOFILE, &none) == 0);
	pages_copy(&range, to, page);
	must(populated(to, count) == 1 && !memcmp(from, to, count * page));
	return CHILD_GOOD;
}

/* A sandbox that lets /proc be opened and not be read. */
static int play_no_pread(void)
{
	kernel_refuse(SYS_pread64, EPERM);
	must(copies_right() == CHILD_GOOD);
	must(kernel_calls(SYS_pread64) > 0);
	return CHILD_GOOD;
}

/* Refused from the second batch on: argument 2, the size, is smaller in the last. */
static int play_late_refusal(void)
{
	kernel_refuse_where(SYS_pread64, 2, (1200 - 2) % 512 * 8, EPERM);
	must(copies_right() == CHILD_GOOD);
	must(kernel_calls(SYS_pread64) == 3);
	return CHILD_GOOD;
}

/* State */

#define STATE_PAGES 16
static uint8_t *pages;

static struct page_state state_of(uint64_t start, uint64_t stop)
{
	struct page_state state;

	advice_read(start, stop, &state);
	return state;
}

/* The state of the middle of STATE_PAGES pages. */
static struct page_state state(void)
{
	return state_of((uintptr_t)pages + 4 * page, (uintptr_t)pages + 12 * page);
}

static unsigned all_advice(const struct page_state *state)
{
	unsigned all = 0;

	for (unsigned i = 0; i < state->count; i++)
		all |= state->pieces[i].advice;
	return all;
}

static uint8_t *at(size_t index)
{
	return pages + index * page;
}

static bool is_plain(const struct page_state *s)
{
	return s->known && s->ordinary && !s->cut && s->count == 0;
}

static int play_plain(void)
{
	struct page_state plain;
	int fd = next_descriptor();

	errno = EXDEV;
	plain = state();
	must(is_plain(&plain));
	must(errno == EXDEV && next_descriptor() == fd);
	/* the neighbours do not count */
	must(mprotect(at(0), 4 * page, PROT_READ) == 0);
	must(munmap(at(12), page) == 0);
	must(mprotect(at(13), page, PROT_READ | PROT_EXEC) == 0);
	plain = state();
	must(is_plain(&plain));
	return CHILD_GOOD;
}

/* Many mappings that are all as they should be: advice splits a mapping. */
static int play_several(void)
{
	struct page_state several;

	for (size_t i = 4; i < 12; i += 2)
		must(madvise(at(i), page, MADV_DONTDUMP) == 0);
	several = state();
	must(several.known && several.ordinary && several.count == 4);
	must(all_advice(&several) == ADVICE_DONT_DUMP);
	for (size_t i = 0; i < 4; i++)
		must(several.pieces[i].start == (uintptr_t)at(4 + 2 * i) &&
			several.pieces[i].stop == (uintptr_t)at(5 + 2 * i));
	/* more of them than fit into one read of smaps */
	pages = make_pages(STATE_PAGES * 16);
	for (size_t i = 0; i < STATE_PAGES * 16; i += 2)
		must(madvise(at(i), page, MADV_DONTDUMP) == 0);
	several = state_of((uintptr_t)at(100), (uintptr_t)at(100 + 2 * ADVICE_PIECES_MAX));
	must(several.known && several.ordinary && several.count == ADVICE_PIECES_MAX);
	must(!several.cut && !advice_restore(&several, true));
	several = state_of((uintptr_t)at(100), (uintptr_t)at(101 + 2 * ADVICE_PIECES_MAX));
	must(several.known && several.ordinary && several.count == ADVICE_PIECES_MAX);
	must(several.cut && advice_restore(&several, true));
	return CHILD_GOOD;
}

/* For each protection of one page in the middle, at the start, at the end. */
static int play_protections(void)
{
	static const size_t places[] = {4, 7, 11};
	static const int others[] = {
		PROT_READ, PROT_NONE, PROT_WRITE, PROT_READ | PROT_WRITE | PROT_EXEC};

	for (unsigned i = 0; i < FONDUE_COUNT(places); i++)
		for (unsigned j = 0; j < FONDUE_COUNT(others); j++) {
			struct page_state other;

			must(mprotect(at(places[i]), page, others[j]) == 0);
			other = state();
			must(other.known && !other.ordinary);
			must(mprotect(at(places[i]), page, PROT_READ | PROT_WRITE) == 0);
			other = state();
			must(other.known && other.ordinary);
		}
	return CHILD_GOOD;
}

static int play_shared(void)
{
	struct page_state other;

	must(mmap(at(11), page, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at(11));
	other = state();
	must(other.known && !other.ordinary);
	return CHILD_GOOD;
}

/* A page that is missing: at the start, in the middle, at the end. */
static int play_hole(void)
{
	static const size_t places[] = {4, 7, 11};

	for (unsigned i = 0; i < FONDUE_COUNT(places); i++) {
		struct page_state hole;

		pages = make_pages(STATE_PAGES);
		must(munmap(at(places[i]), page) == 0);
		hole = state();
		must(hole.known && !hole.ordinary);
	}
	return CHILD_GOOD;
}

/* Nothing is mapped behind the hole: [vsyscall] apart, the end of the list. */
static int play_nothing_there(void)
{
	struct page_state nothing =
		state_of(UINT64_MAX - 16 * page + 1, UINT64_MAX - page + 1);

	must(nothing.known && !nothing.ordinary);
	return CHILD_GOOD;
}

static int play_unknown(void)
{
	struct page_state unknown;

	kernel_refuse(SYS_openat, EACCES);
	unknown = state();
	must(!unknown.known);
	must(!advice_restore(&unknown, true));
	kernel_reset();
	kernel_refuse(SYS_read, EPERM);
	unknown = state();
	must(!unknown.known);
	return CHILD_GOOD;
}

/* What can be asked of pages; each is asked of two of them, in the middle. */
static const struct property {
	const char *name;
	int advice;	  /* 0: mlock */
	const char *flag; /* in smaps */
	unsigned seen;
	bool kept; /* can shared pages have it? */
} properties[] = {
	{"mlock", 0, " lo", ADVICE_LOCKED, true},
	{"MADV_DONTDUMP", MADV_DONTDUMP, " dd", ADVICE_DONT_DUMP, true},
	{"MADV_HUGEPAGE", MADV_HUGEPAGE, " hg", ADVICE_HUGE_PAGE, true},
	{"MADV_NOHUGEPAGE", MADV_NOHUGEPAGE, " nh", ADVICE_NO_HUGE_PAGE, true},
	{"MADV_DONTFORK", MADV_DONTFORK, " dc", ADVICE_DONT_FORK, false},
	{"MADV_WIPEONFORK", MADV_WIPEONFORK, " wf", ADVICE_WIPE_ON_FORK, false},
	{"MADV_MERGEABLE", MADV_MERGEABLE, " mg", ADVICE_MERGEABLE, false},
};

static const struct property *property;

/* Not by mlock(), which does nothing under a sanitizer. */
static bool set(size_t first, size_t count)
{
	return property->advice ? madvise(at(first), count * page, property->advice) == 0
				: syscall(SYS_mlock, at(first), count * page) == 0;
}

/* Pages 7 and 8 have it, and nothing else has anything. */
static bool has_it(const struct page_state *s)
{
	return s->known && s->ordinary && s->count == 1 &&
	       s->pieces[0].advice == property->seen &&
	       s->pieces[0].start == (uintptr_t)at(7) &&
	       s->pieces[0].stop == (uintptr_t)at(9);
}

static bool replace_pages(void)
{
	return mmap(at(4), 8 * page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at(4);
}

static int play_property(void)
{
	struct page_state before, after;
	const char *lost;

	must(set(7, 2));
	before = state();
	must(has_it(&before));
	must(replace_pages());
	errno = EXDEV;
	lost = advice_restore(&before, true);
	must(errno == EXDEV);
	after = state();
	must(has_it(&after) == property->kept);
	must(property->kept ? !lost : lost && !strcmp(lost, property->name));
	return CHILD_GOOD;
}

/* Pages that have become private again can have everything. */
static int play_private_again(void)
{
	struct page_state before, after;

	must(set(7, 2));
	before = state();
	must(replace_pages());
	must(!advice_restore(&before, false));
	after = state();
	must(has_it(&after));
	return CHILD_GOOD;
}

static int play_on_fault(void)
{
	struct page_state before, after;

	must(syscall(SYS_mlock2, at(4), 8 * page, 1) == 0);
	*at(6) = 1;
	before = state();
	must(before.count == 1 && before.pieces[0].advice == (ADVICE_LOCKED | ADVICE_ON_FAULT));
	must(replace_pages());
	must(!advice_restore(&before, true));
	must(populated(at(4), 8) == 0); /* locked, and not fetched */
	after = state();
	must(after.count == 1 && after.pieces[0].advice == before.pieces[0].advice);
	return CHILD_GOOD;
}

static int play_lost(void)
{
	struct page_state before;
	const char *lost;

	must(set(7, 2));
	before = state();
	kernel_refuse(SYS_madvise, EINVAL);
	kernel_refuse(SYS_mlock, ENOMEM);
	lost = advice_restore(&before, true);
	must(lost && !strcmp(lost, property->name));
	return CHILD_GOOD;
}

/* Not every kernel has every advice or lets everybody lock, and an emulator's smaps may
 * lie. */
static int play_prerequisite(void)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	char line[512];

	if (!smaps || !set(7, 2))
		return 1;
	while (fgets(line, sizeof(line), smaps))
		if (!strncmp(line, "VmFlags:", 8) && strstr(line, property->flag))
			return CHILD_GOOD;
	return 1;
}

static void test_properties(void)
{
	if (is_emulated()) {
		skip("properties of pages", "an emulator does not pass them on");
		return;
	}
	for (unsigned i = 0; i < FONDUE_COUNT(properties); i++) {
		char sentence[96];

		property = &properties[i];
		snprintf(sentence, sizeof(sentence), "%s is seen, and %s", property->name,
			property->kept ? "given again" : "named as lost");
		if (unit_plays(play_prerequisite)) {
			test_play(sentence, play_property);
			snprintf(sentence, sizeof(sentence),
				"%s is named if it is refused", property->name);
			test_play(sentence, play_lost);
			snprintf(sentence, sizeof(sentence),
				"%s is given to pages that stay private", property->name);
			test_play(sentence, play_private_again);
		} else {
			skip(sentence, "this kernel does not have it, or not for us");
		}
	}
}

int main(void)
{
	page = page_size();
	pages = make_pages(STATE_PAGES);
	test_play("64 MiB with few pages stay few pages", play_sparse);
	test_play("one byte in a page is seen wherever it is", play_last_byte);
	test_play("contents from a file are copied, wherever the file ends", play_file);
	test_play("behind the file's end nothing is touched", play_file_sparse);
	test_play("pages are copied in several batches", copies_right);
	test_play("without /proc all contents are right, zero pages not written",
		play_no_proc);
	test_play("without a descriptor left, too", play_no_descriptors);
	test_play("with /proc that cannot be read, too", play_no_pread);
	test_play("with /proc that cannot be read to its end, too", play_late_refusal);

	test_play("ordinary pages have no state", play_plain);
	test_play_natively("a range of many mappings", play_several);
	test_play_natively("one page with another protection", play_protections);
	test_play("one page that is shared", play_shared);
	test_play("one page that is missing", play_hole);
	test_play("a range where nothing is mapped", play_nothing_there);
	test_play("without /proc nothing is known, nor restored", play_unknown);
	test_properties();
	test_play_natively("pages locked on fault are locked so again", play_on_fault);
	return tap_done();
}
