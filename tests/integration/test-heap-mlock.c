/* SPDX-License-Identifier: MIT */
/*
 * Description: mlockall() does to a program what it does without a heap, and the heap stays small
 */
#include <sys/resource.h>

#include "heaping.h"

#define LOCKED (8 * MIB)

/* "RssShmem", say, of this process; KiB. */
static long status_kib(const char *name)
{
	char line[256];
	long kib = -1;
	size_t len = strlen(name);
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, len) && line[len] == ':')
			kib = atol(line + len + 1);
	if (file)
		fclose(file);
	return kib;
}

static char *map_untouched(void)
{
	char *at = mmap(NULL, LOCKED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static bool is_resident(char *at)
{
	static unsigned char pages[LOCKED / 4096];
	unsigned count = 0;

	if (mincore(at, LOCKED, pages))
		return false;
	for (unsigned i = 0; i < LOCKED / page_size(); i++)
		count += pages[i] & 1;
	return count == LOCKED / page_size();
}

/* It is used as before, and what is used is locked. */
static bool is_heap_small(void)
{
	char *block = fondue_malloc(MIB);

	if (!block)
		return false;
	memset(block, 1, MIB);
	fondue_free(block);
	return status_kib("RssShmem") < 64 * 1024;
}

static int play_current(void)
{
	char *at = map_untouched(), *later;

	must(at && !is_resident(at));
	errno = 12345;
	must(mlockall(MCL_CURRENT) == 0 && errno == 12345);
	must(is_resident(at) && is_heap_small() && status_kib("VmLck") > (long)(LOCKED / KIB));
	must((later = map_untouched()) && !is_resident(later));
	must(munlockall() == 0 && status_kib("VmLck") == 0);
	return CHILD_GOOD;
}

static int play_future(void)
{
	char *at = map_untouched(), *later;

	must(mlockall(MCL_CURRENT | MCL_FUTURE) == 0 && is_resident(at));
	must((later = map_untouched()) && is_resident(later) && is_heap_small());
	must(mlockall(MCL_CURRENT) == 0); /* and no more from now on */
	must((later = map_untouched()) && !is_resident(later));
	return CHILD_GOOD;
}

static int play_future_only(void)
{
	char *at = map_untouched(), *later;

	must(mlockall(MCL_FUTURE) == 0 && !is_resident(at));
	must((later = map_untouched()) && is_resident(later) && is_heap_small());
	return CHILD_GOOD;
}

static int play_on_fault(void)
{
	char *at = map_untouched();

	must(mlockall(MCL_CURRENT | MCL_ONFAULT) == 0 && !is_resident(at) && is_heap_small());
	return CHILD_GOOD;
}

static int play_wrong(void)
{
	static const int flags[] = { 0, 8, 8 | MCL_CURRENT, MCL_ONFAULT, -1 };

	for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		errno = 0;
		must(mlockall(flags[i]) == -1 && errno == EINVAL);
	}
	return CHILD_GOOD;
}

static bool become_nobody(rlim_t allowed)
{
	struct rlimit limit = { allowed, allowed };

	return setrlimit(RLIMIT_MEMLOCK, &limit) == 0 && setgid(65534) == 0 && setuid(65534) == 0;
}

static int play_unprivileged(void)
{
	char *at = map_untouched();

	must(become_nobody(512 * MIB));
	must(mlockall(MCL_CURRENT) == 0 && is_resident(at) && is_heap_small());
	return CHILD_GOOD;
}

static int play_not_allowed(void)
{
	must(become_nobody(1 * MIB));
	errno = 0;
	must(mlockall(MCL_CURRENT) == -1 && errno == ENOMEM && status_kib("VmLck") == 0);
	return CHILD_GOOD;
}

static int play_forbidden(void)
{
	must(become_nobody(0));
	errno = 0;
	must(mlockall(MCL_CURRENT) == -1 && errno == EPERM);
	return CHILD_GOOD;
}

static int play_child(void)
{
	must(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
	must(does(play_current) && is_heap_small());
	return CHILD_GOOD;
}

static bool may_raise_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_max >= 512 * MIB;
}

int main(void)
{
	if (!fondue_active() || !figures().size)
		tap_skip_all("to be preloaded");
	if (getuid() != 0 || mlockall(MCL_CURRENT | MCL_ONFAULT) != 0)
		tap_skip_all("not allowed to lock memory");
	munlockall();
	test_heap("what there is becomes resident, but for the heap", play_current);
	test_heap("and what comes", play_future);
	test_heap("or only what comes", play_future_only);
	test_heap("or what is touched", play_on_fault);
	test_heap("nonsense is refused", play_wrong);
	if (may_raise_limit())
		test_heap("without privilege, within the limit", play_unprivileged);
	else
		skip("without privilege, within the limit", "the limit is lower, and stays");
	test_heap("beyond the limit", play_not_allowed);
	test_heap("where nothing may be locked", play_forbidden);
	test_heap("a child does it again", play_child);
	return tap_done();
}
