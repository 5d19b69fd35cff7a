/* SPDX-License-Identifier: MIT */
/*
 * Description: private pages become shared in place, all of them or none
 *
 * The pages are an object's (object.h), with two ranges and private neighbours on all sides.
 * Each scenario has them in a process of its own; what the kernel refuses there is kernel.h's
 * to say.
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "advice.h"
#include "kernel.h"
#include "object.h"
#include "pages.h"
#include "remap.h"

static struct object object;
static struct image image;
static struct proof proof;

static void prepare(void)
{
	struct module module;

	object_make(&object, "object");
	module = object_module(&object);
	if (!module_prove(&module, &image, &proof) || proof.refusal.reason)
		tap_bail_out("the object's layout is not proved");
}

static uint8_t *at(unsigned page)
{
	return object.pages + page * page_size();
}

static bool is_shared(void)
{
	return !strcmp(object_sharing(&object), object_shared);
}

static bool is_private(void)
{
	return !strcmp(object_sharing(&object), object_private);
}

static bool refuses(enum reason reason, const char *kind)
{
	return !remap_shared(&proof) && proof.refusal.reason == reason &&
	       !strcmp(proof.refusal.kind, kind);
}

static bool emulated; /* then what is mapped is mostly the emulator's */

/* Address space in use, in pages: what leaks shows here, wherever it is. */
static unsigned long mapped(void)
{
	char text[128] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t got = read(fd, text, sizeof(text) - 1);

	close(fd);
	return got > 0 && !emulated ? strtoul(text, NULL, 10) : 0;
}

/* Lines of /proc/self/maps: one each mapping. Without stdio, whose memory would count. */
static unsigned mappings(void)
{
	char text[4096];
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	unsigned lines = 0;
	ssize_t got;

	while ((got = read(fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < got; i++)
			lines += text[i] == '\n';
	close(fd);
	return emulated ? 0 : lines;
}

/* Success */

static int play_contents(void)
{
	at(PAGE_ZERO)[100] = 1; /* the program has begun to use it */
	errno = EXDEV;
	must(remap_shared(&proof));
	must(errno == EXDEV);
	must(!proof.refusal.reason && !proof.ranges[0].lost && !proof.ranges[1].lost);
	must(at(PAGE_ZERO)[100] == 1);
	at(PAGE_ZERO)[100] = 0;
	must(object_is_whole(&object, -1));
	must(is_shared());
	must(object_is_whole(&object, -1));
	return CHILD_GOOD;
}

/* What one process writes the other reads, whoever it is; by pipes, one after the other. */
static int play_both_ways(void)
{
	volatile uint8_t *shared = at(PAGE_SHARED), *zero = at(PAGE_ZERO);
	volatile uint8_t *private = at(PAGE_BETWEEN);
	int there[2], back[2];
	char byte;
	pid_t pid;

	must(remap_shared(&proof));
	must(pipe(there) == 0 && pipe(back) == 0);
	pid = fork();
	if (pid == 0) {
		must(read(there[0], &byte, 1) == 1);
		must(shared[1] == 11 && zero[1] == 12 && private[1] != 13);
		shared[2] = 21;
		zero[2] = 22;
		private[2] = 23;
		_exit(write(back[1], "", 1) == 1 ? CHILD_GOOD : 1);
	}
	shared[1] = 11;
	zero[1] = 12;
	private[1] = 13;
	must(write(there[1], "", 1) == 1 && read(back[0], &byte, 1) == 1);
	must(shared[2] == 21 && zero[2] == 22 && private[2] != 23);
	must(unit_wait(pid) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int play_grandchildren(void)
{
	volatile uint8_t *shared = at(PAGE_SHARED);
	pid_t pid;

	must(remap_shared(&proof));
	shared[0] = 0;
	pid = fork();
	if (pid == 0) {
		pid = fork();
		if (pid == 0) {
			shared[0] = 42;
			_exit(CHILD_GOOD);
		}
		_exit(unit_wait(pid));
	}
	must(unit_wait(pid) == CHILD_GOOD && shared[0] == 42);
	return CHILD_GOOD;
}

static int play_one_range(void)
{
	unsigned long before = mapped();

	proof.ranges[KIND_ZERO].stop = proof.ranges[KIND_ZERO].start;
	must(remap_shared(&proof));
	must(!strcmp(object_sharing(&object), "ppsspppppppp"));
	must(mapped() == before);
	return CHILD_GOOD;
}

static int play_nothing(void)
{
	proof.ranges[KIND_SHARED].stop = proof.ranges[KIND_SHARED].start;
	proof.ranges[KIND_ZERO].stop = proof.ranges[KIND_ZERO].start;
	kernel_reset();
	must(remap_shared(&proof));
	must(kernel_all_calls() == 0);
	must(is_private());
	return CHILD_GOOD;
}

static int play_costs(void)
{
	unsigned long before = mapped();
	int fd = next_descriptor();

	kernel_reset();
	must(remap_shared(&proof));
	must(kernel_calls(SYS_mremap) == 2 && kernel_calls(SYS_mmap) == 2);
	must(kernel_calls(SYS_munmap) == 0);
	must(mapped() == before); /* pages have been exchanged, none added */
	must(next_descriptor() == fd);
	return CHILD_GOOD;
}

/* A range of many mappings, such as advice on some of its pages makes. */
static int play_split(void)
{
	must(madvise(at(PAGE_SHARED), page_size(), MADV_DONTDUMP) == 0);
	must(madvise(at(PAGE_ZERO + 1), page_size(), MADV_NOHUGEPAGE) == 0);
	must(remap_shared(&proof));
	must(object_is_whole(&object, -1));
	must(is_shared());
	return CHILD_GOOD;
}

#define LARGE ((size_t)1 << 30)

/* A gigabyte that nobody has used costs nothing, and can be used afterwards. */
static int play_large(void)
{
	uint8_t *large = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct rusage before, after;

	must(large != MAP_FAILED);
	madvise(large, LARGE, MADV_NOHUGEPAGE);
	large[LARGE / 2] = 7;
	proof.ranges[KIND_ZERO] = (struct range){ .start = (uintptr_t)large,
		.stop = (uintptr_t)large + LARGE, .file_end = (uintptr_t)large };
	getrusage(RUSAGE_SELF, &before);
	must(remap_shared(&proof));
	getrusage(RUSAGE_SELF, &after);
	must(after.ru_maxrss - before.ru_maxrss < 16 << 10); /* KiB */
	must(large[LARGE / 2] == 7);
	must(large[0] == 0 && large[LARGE - 1] == 0);
	large[LARGE - 1] = 1;
	must(large[LARGE - 1] == 1);
	return CHILD_GOOD;
}

/* The advice on range @kind, all pieces together; -1: not known. */
static int advice_of(enum kind kind)
{
	struct page_state state;
	unsigned all = 0;

	advice_read(proof.ranges[kind].start, proof.ranges[kind].stop, &state);
	for (unsigned i = 0; i < state.count; i++)
		all |= state.pieces[i].advice;
	return state.known ? (int)all : -1;
}

static int play_state(void)
{

	must(madvise(at(PAGE_SHARED), 2 * page_size(), MADV_DONTDUMP) == 0);
	must(remap_shared(&proof));
	must(!proof.ranges[KIND_SHARED].lost);
	must(advice_of(KIND_SHARED) == ADVICE_DONT_DUMP);
	must(is_shared());
	return CHILD_GOOD;
}

static int play_lost_state(void)
{
	must(madvise(at(PAGE_ZERO), page_size(), MADV_WIPEONFORK) == 0);
	must(remap_shared(&proof));
	must(!proof.ranges[KIND_SHARED].lost);
	must(proof.ranges[KIND_ZERO].lost);
	must(!strcmp(proof.ranges[KIND_ZERO].lost, "MADV_WIPEONFORK"));
	must(is_shared());
	return CHILD_GOOD;
}

static int play_locked(void)
{
	/* not by mlock(), which does nothing under a sanitizer */
	must(syscall(SYS_mlock, at(PAGE_SHARED), 2 * page_size()) == 0);
	must(remap_shared(&proof));
	must(!proof.ranges[KIND_SHARED].lost && !proof.ranges[KIND_ZERO].lost);
	must(advice_of(KIND_SHARED) == ADVICE_LOCKED);
	must(advice_of(KIND_ZERO) == 0);
	return CHILD_GOOD;
}

static int play_without_proc(void)
{
	kernel_refuse(SYS_openat, EACCES);
	must(remap_shared(&proof));
	must(object_is_whole(&object, -1));
	must(is_shared());
	return CHILD_GOOD;
}

/* Refusal: everything stays as it was */

/* Neither contents nor mappings have changed since there were so many. */
static bool is_untouched(unsigned long pages_before, unsigned lines_before)
{
	return mapped() == pages_before && mappings() == lines_before &&
	       object_is_whole(&object, -1) && is_private();
}

static int refused_by(long number, int error, enum reason reason)
{
	unsigned long pages_before = mapped();
	unsigned lines_before = mappings();

	kernel_refuse(number, error);
	must(refuses(reason, "shared"));
	must(proof.refusal.value == (uint64_t)error);
	must(is_untouched(pages_before, lines_before));
	return CHILD_GOOD;
}

static int play_mmap_denied(void)
{
	return refused_by(SYS_mmap, EPERM, REASON_DENIED);
}

static int play_mmap_memory(void)
{
	return refused_by(SYS_mmap, ENOMEM, REASON_NO_MEMORY);
}

static int play_mremap_denied(void)
{
	return refused_by(SYS_mremap, EPERM, REASON_DENIED);
}

static int play_mremap_unknown(void)
{
	return refused_by(SYS_mremap, ENOSYS, REASON_DENIED);
}

static int play_mremap_memory(void)
{
	return refused_by(SYS_mremap, ENOMEM, REASON_NO_MEMORY);
}

static int play_mremap_locked(void)
{
	return refused_by(SYS_mremap, EAGAIN, REASON_NO_MEMORY);
}

/* No address space left: the real thing. */
static int play_limit(void)
{
	unsigned long pages_before = mapped();
	unsigned lines_before = mappings();
	const struct rlimit small = { 4096, RLIM_INFINITY };
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	must(setrlimit(RLIMIT_AS, &small) == 0);
	must(refuses(REASON_NO_MEMORY, "shared"));
	must(proof.refusal.value == ENOMEM);
	must(setrlimit(RLIMIT_AS, &all) == 0);
	must(is_untouched(pages_before, lines_before));
	return CHILD_GOOD;
}

/* The second range's pages cannot even be made: nothing has been moved yet. */
static int play_second_not_made(void)
{
	unsigned long pages_before = mapped();
	unsigned lines_before = mappings();

	proof.ranges[KIND_ZERO].stop += page_size(); /* of another size than the first */
	kernel_refuse_where(SYS_mmap, 1, 3 * page_size(), ENOMEM);
	must(refuses(REASON_NO_MEMORY, "shared_zero"));
	must(kernel_calls(SYS_mremap) == 0);
	must(is_untouched(pages_before, lines_before));
	return CHILD_GOOD;
}

/* The second cannot be moved: the first goes back. */
static int play_second_not_moved(void)
{
	unsigned long before = mapped();

	at(PAGE_ZERO)[0] = 5;
	kernel_refuse_where(SYS_mremap, 4, (uintptr_t)at(PAGE_ZERO), EPERM);
	must(refuses(REASON_DENIED, "shared_zero"));
	must(proof.refusal.value == EPERM);
	must(kernel_calls(SYS_munmap) == 1); /* what has been moved is not there any more */
	must(at(PAGE_ZERO)[0] == 5);
	at(PAGE_ZERO)[0] = 0;
	must(object_is_whole(&object, -1));
	must(is_private());
	must(mapped() == before);
	return CHILD_GOOD;
}

/* And what had been asked of its pages goes back with it. */
static int play_first_keeps_state(void)
{
	must(madvise(at(PAGE_SHARED), 2 * page_size(), MADV_DONTDUMP) == 0);
	must(madvise(at(PAGE_SHARED), page_size(), MADV_WIPEONFORK) == 0);
	kernel_refuse_where(SYS_mremap, 4, (uintptr_t)at(PAGE_ZERO), EPERM);
	must(refuses(REASON_DENIED, "shared_zero"));
	must(advice_of(KIND_SHARED) == (ADVICE_DONT_DUMP | ADVICE_WIPE_ON_FORK));
	return CHILD_GOOD;
}

/* Ranges without an object: any number, of pages beside one another, too. */
static unsigned take_ranges(struct range *ret)
{
	static const unsigned pages[] = { PAGE_SHARED, PAGE_SHARED + 1, PAGE_BEHIND };

	for (unsigned i = 0; i < FONDUE_COUNT(pages); i++)
		ret[i] = (struct range){ .start = (uintptr_t)at(pages[i]),
			.stop = (uintptr_t)at(pages[i] + 1),
			.file_end = (uintptr_t)at(pages[i] + 1) };
	return FONDUE_COUNT(pages);
}

static int play_ranges(void)
{
	struct range ranges[3];
	unsigned count = take_ranges(ranges);
	unsigned long before = mapped();
	struct refusal refusal;

	must(remap_ranges(ranges, count, page_size(), &refusal));
	must(!refusal.reason && mapped() == before);
	must(object_is_whole(&object, -1));
	must(!strcmp(object_sharing(&object), "ppsspppspppp"));
	return CHILD_GOOD;
}

static int play_last_range_not_moved(void)
{
	struct range ranges[3];
	unsigned count = take_ranges(ranges);
	unsigned long before = mapped();
	struct refusal refusal;

	kernel_refuse_where(SYS_mremap, 4, ranges[2].start, EPERM);
	must(!remap_ranges(ranges, count, page_size(), &refusal));
	must(refusal.reason == REASON_DENIED && refusal.value == EPERM);
	must(is_private() && object_is_whole(&object, -1) && mapped() == before);
	return CHILD_GOOD;
}

/* Before mremap() fails, it may have unmapped its target already. */
static void unmap_target(const long *args)
{
	munmap((void *)args[4], args[2]);
}

static int play_half_moved(void)
{
	unsigned long before = mapped();

	at(PAGE_SHARED)[7] = 99;
	kernel_watch(SYS_mremap, unmap_target);
	kernel_refuse(SYS_mremap, ENOMEM);
	must(refuses(REASON_NO_MEMORY, "shared"));
	must(at(PAGE_SHARED)[7] == 99);
	at(PAGE_SHARED)[7] = object_byte(PAGE_SHARED, 7);
	must(object_is_whole(&object, -1));
	must(is_private());
	must(mapped() == before);
	return CHILD_GOOD;
}

static int play_second_half_moved(void)
{
	unsigned long before = mapped();

	at(PAGE_ZERO)[7] = 99;
	kernel_watch(SYS_mremap, unmap_target);
	kernel_refuse_where(SYS_mremap, 4, (uintptr_t)at(PAGE_ZERO), ENOMEM);
	must(refuses(REASON_NO_MEMORY, "shared_zero"));
	must(at(PAGE_ZERO)[7] == 99);
	at(PAGE_ZERO)[7] = 0;
	must(object_is_whole(&object, -1));
	must(is_private());
	must(mapped() == before);
	return CHILD_GOOD;
}

/* Pages that are not what the loader made of them. */
static int refused_for_pages(const char *kind)
{
	unsigned long pages_before = mapped();
	unsigned lines_before = mappings();

	must(refuses(REASON_MAPPING, kind));
	must(kernel_calls(SYS_mremap) == 0);
	must(mapped() == pages_before && mappings() == lines_before);
	return CHILD_GOOD;
}

static int play_read_only(void)
{
	must(mprotect(at(PAGE_SHARED + 1), page_size(), PROT_READ) == 0);
	return refused_for_pages("shared");
}

static int play_second_read_only(void)
{
	must(mprotect(at(PAGE_ZERO), page_size(), PROT_READ) == 0);
	return refused_for_pages("shared_zero");
}

static int play_executable(void)
{
	must(mprotect(at(PAGE_ZERO), page_size(), PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	return refused_for_pages("shared_zero");
}

static int play_shared_already(void)
{
	must(mmap(at(PAGE_SHARED), page_size(), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at(PAGE_SHARED));
	return refused_for_pages("shared");
}

/* A hole; copying from it would be a crash. */
static int play_missing(void)
{
	must(munmap(at(PAGE_SHARED), page_size()) == 0);
	return refused_for_pages("shared");
}

static int play_missing_at_end(void)
{
	must(munmap(at(PAGE_ZERO + 1), page_size()) == 0);
	return refused_for_pages("shared_zero");
}

/* The same number of mappings however often it fails. */
static int play_again_and_again(void)
{
	unsigned long before;

	kernel_refuse_where(SYS_mremap, 4, (uintptr_t)at(PAGE_ZERO), EPERM);
	must(!remap_shared(&proof)); /* the first time splits the mapping of the object */
	before = mapped() + mappings();
	for (unsigned i = 0; i < 50; i++) {
		proof.refusal.reason = REASON_NONE;
		must(!remap_shared(&proof));
	}
	must(mapped() + mappings() == before);
	must(object_is_whole(&object, -1) && is_private());
	return CHILD_GOOD;
}

int main(void)
{
	emulated = is_emulated();
	prepare();
	test_play("contents are kept, byte for byte", play_contents);
	test_play("parent and child share both ways, neighbours stay private", play_both_ways);
	test_play("grandchildren share", play_grandchildren);
	test_play("one range alone", play_one_range);
	test_play("ranges without an object", play_ranges);
	test_play("no range: no system call", play_nothing);
	test_play("one mmap and one mremap a range, and nothing left over", play_costs);
	test_play("a range of several mappings", play_split);
	test_play("a gigabyte that nobody has touched", play_large);
	test_play_natively("what was asked of the pages is asked again", play_state);
	test_play_natively("what shared pages cannot have is told", play_lost_state);
	test_play_natively("locked pages stay locked", play_locked);
	test_play("without /proc", play_without_proc);

	test_play("mmap refused: untouched", play_mmap_denied);
	test_play("mmap out of memory: untouched", play_mmap_memory);
	test_play("mremap refused: untouched", play_mremap_denied);
	test_play("mremap unknown: untouched", play_mremap_unknown);
	test_play("mremap out of memory: untouched", play_mremap_memory);
	test_play("mremap over the limit of locked memory: untouched", play_mremap_locked);
	test_play_natively("no address space left: untouched", play_limit);
	test_play("the second range's pages cannot be made: untouched", play_second_not_made);
	test_play("the second range cannot be moved: the first is private again",
		play_second_not_moved);
	test_play("the last of several cannot be moved: all are private again",
		play_last_range_not_moved);
	test_play_natively("and its pages have what was asked of them", play_first_keeps_state);
	test_play("mremap fails after unmapping: contents are back", play_half_moved);
	test_play("the same of the second range", play_second_half_moved);
	test_play("a page is read-only: refused", play_read_only);
	test_play("a page of the second range is: refused", play_second_read_only);
	test_play_natively("a page is executable: refused", play_executable);
	test_play("a page is shared already: refused", play_shared_already);
	test_play("a page is missing: refused", play_missing);
	test_play("the last page is missing: refused", play_missing_at_end);
	test_play_natively("failing again and again leaks no mapping", play_again_and_again);
	return tap_done();
}
