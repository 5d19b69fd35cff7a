/* SPDX-License-Identifier: MIT */
/*
 * subject.c - a program that does nothing, with shared variables of a given size
 *
 * Built several times: SUBJECT_DATA_PAGES of initialised variables, in which no page is
 * all zeros; SUBJECT_ZERO_BYTES of zeros that nobody touches; or nothing annotated, and
 * then it does not even have the note. What it does goes by its arguments:
 *
 *	subject				end at once, as /bin/true does
 *	subject FD			write to FD when its constructor ran
 *	subject FD by-hand		the same, but first share the variables in it
 *	subject resident		print how much memory it has in use, in KiB
 *
 * By hand means: map shared memory, copy everything, move it into place. That is all that
 * a program must do for itself to have what fondue gives; the peer for large sections.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifdef SUBJECT_DATA_PAGES
#include <fondue/shared.h>

struct page {
	long mark;
	char rest[4096 - sizeof(long)];
};

/* One mark a page, spelt for each page: the compiler's source of non-zero pages. */
FONDUE_SHARED struct page data[SUBJECT_DATA_PAGES] = {
	[0 ... SUBJECT_DATA_PAGES - 1] = { .mark = 1 },
};
#endif

#ifdef SUBJECT_LOCKS
#include <fondue/spinlock.h>

FONDUE_SHARED fondue_spinlock_t lock;
#endif

#ifdef SUBJECT_ZERO_BYTES
#include <fondue/shared.h>

FONDUE_SHARED_ZERO char zeros[SUBJECT_ZERO_BYTES];
#endif

static struct timespec first;

__attribute__((unused)) static void share_by_hand(void *memory, size_t size)
{
	void *made = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (made == MAP_FAILED)
		exit(EXIT_FAILURE);
	memcpy(made, memory, size);
	if (mremap(made, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, memory) == MAP_FAILED)
		exit(EXIT_FAILURE);
}

/* glibc gives the arguments to constructors, too. */
__attribute__((constructor)) static void start(int argc, char **argv)
{
	if (argc > 2) {
#ifdef SUBJECT_DATA_PAGES
		share_by_hand(data, sizeof(data));
#endif
#ifdef SUBJECT_ZERO_BYTES
		share_by_hand(zeros, sizeof(zeros));
#endif
	}
	(void)argv;
	if (argc > 1)
		clock_gettime(CLOCK_MONOTONIC, &first);
}

static int print_resident(void)
{
	FILE *smaps = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	long kib;

	while (smaps && fgets(line, sizeof(line), smaps))
		if (sscanf(line, "Rss: %ld", &kib) == 1)
			return printf("%ld\n", kib) < 0;
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return EXIT_SUCCESS;
	if (!strcmp(argv[1], "resident"))
		return print_resident();
	return write(atoi(argv[1]), &first, sizeof(first)) != sizeof(first);
}
