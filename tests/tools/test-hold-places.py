#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A report: the place where the lock was taken, and where it is asked for, by every way to take it.

    test-hold-places.py --fondue EXE --library SO --archive A --include DIR
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from held import Held, names  # noqa: E402
from workshop import check, main, needs, run  # noqa: E402

# Each way is a function of one line that is marked by its name.
WAYS = r"""
FONDUE_SHARED static fondue_spinlock_t lock, first, second, third;
static struct timespec late = { 1L << 40, 0 };

KEEP static int by_lock(void) { return fondue_spin_lock(&lock); } /* HERE by_lock */
KEEP static int by_trylock(void) { return fondue_spin_trylock(&lock); } /* HERE by_trylock */
KEEP static int by_timedlock(void) { return fondue_spin_timedlock(&lock, &late); } /* HERE by_timedlock */
KEEP static int by_scope(void)
{
	FONDUE_SCOPED_LOCK(&lock); /* HERE by_scope */
	have();
	for (;;)
		pause();
}
KEEP static int by_second(void)
{
	fondue_spin_lock(&first);
	return fondue_spin_lock(&lock); /* HERE by_second */
}
KEEP static int by_third(void)
{
	fondue_spin_lock(&first);
	fondue_spin_lock(&second);
	return fondue_spin_lock(&lock); /* HERE by_third */
}
KEEP static int by_fifth(void)
{
	fondue_spin_lock(&first);
	fondue_spin_lock(&second);
	fondue_spin_lock(&third);
	fondue_spin_trylock(&lock);
	fondue_spin_unlock(&lock);
	fondue_spin_unlock(&second);
	return fondue_spin_trylock(&lock); /* HERE by_fifth */
}
/* It is the first that is left, when the outer ones are released. */
KEEP static int by_survivor(void)
{
	int result;

	fondue_spin_lock(&first);
	result = fondue_spin_lock(&lock); /* HERE by_survivor */
	fondue_spin_unlock(&first);
	fondue_spin_lock(&second);
	fondue_spin_unlock(&second);
	return result;
}
/* Taken after somebody has been asleep there: by the runtime. */
KEEP static int by_waiting(void)
{
	int result;
	pid_t pid;

	fondue_spin_lock(&lock);
	pid = fork();
	if (pid == 0) {
		result = fondue_spin_lock(&lock); /* HERE by_waiting */
		STAY();
		have();
		for (;;)
			pause();
	}
	while (1) {
		char path[64], stat[256] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		file = fopen(path, "r");
		if (file && fgets(stat, sizeof(stat), file) && strstr(stat, ") S "))
			break;
		if (file)
			fclose(file);
	}
	fondue_spin_unlock(&lock);
	for (;;)
		pause();
	return result;
}
/* A wrapper that is left before the lock is asked for: the call of the door is a jump. */
__attribute__((noinline)) static int wrapper(fondue_spinlock_t *it) { return fondue_spin_lock(it); } /* HERE by_wrapper */
KEEP static int by_wrapper(void) { int result = wrapper(&lock); STAY(); return result; }

static int (*way)(void);
KEEP static void own(void)
{
	if (way() == 0)
		have();
	STAY();
}
KEEP static void want(void)
{
	fondue_spin_timedlock(&lock, &late); /* HERE want */
	STAY();
}

#define WAY(name) if (!strcmp(argv[1], #name)) way = name
int main(int argc, char **argv)
{
	(void)argc;
	WAY(by_lock); WAY(by_trylock); WAY(by_timedlock); WAY(by_scope); WAY(by_second);
	WAY(by_third); WAY(by_fifth); WAY(by_survivor); WAY(by_waiting); WAY(by_wrapper);
	return held(own, want);
}
"""
NAMES = re.findall(r"WAY\((\w+)\);", WAYS)

CXX = r"""
#include <mutex>

FONDUE_SHARED static fondue::spinlock lock;

KEEP static void by_guard(void)
{
	std::lock_guard<fondue::spinlock> guard(lock);
	have();
	for (;;)
		pause();
}
KEEP static void by_unique(void)
{
	std::unique_lock<fondue::spinlock> guard(lock, std::defer_lock);
	guard.lock();
	have();
	for (;;)
		pause();
}
KEEP static void want(void)
{
	lock.lock(); /* HERE want */
	STAY();
}

int main(int argc, char **argv)
{
	return held(argc > 1 ? by_unique : by_guard, want);
}
"""


def line_of(source, name):
    marked = [i for i, line in enumerate(source.splitlines(), 2) if "HERE " + name + " " in line]
    return marked[0]


def chain(path, offset):
    """The lines of the file itself that the address stands for, innermost first."""
    out = run([needs("addr2line"), "-i", "-f", "-e", path, offset]).stdout.splitlines()
    return [(out[i], out[i + 1]) for i in range(0, len(out), 2)]


def is_line(path, suffix, site, line):
    """A return address: the call is before it."""
    found = chain(path, hex(int(site["off"], 16) - 1))
    if len(found) == 1 and "fondue/spinlock.h:" in found[0][1]:
        return True  # not every addr2line follows all of clang's inlined calls
    wanted = f"{os.path.basename(path)}{suffix}:{line}"
    return any(os.path.basename(place.split(" ")[0]) == wanted for _, place in found)


@check
def ways(shop):
    for cc in "gcc", "clang":
        for level in "-O0", "-O2":
            path = shop.held(cc + level, WAYS, level, cc=needs(cc))
            for name in NAMES:
                with Held(shop, path, name) as held:
                    report = held.report()
                site, at = report["owner"].get("site", {}), report["waiter"]["site"]
                test(f"{cc} {level}: taken {name.replace('_', ' ')}: the line, and its function",
                     is_line(path, ".c", site, line_of(WAYS, name))
                     and site.get("sym", "").split(".")[0] in (name, name.replace("by_", "")),
                     (site, chain(path, hex(int(site["off"], 16) - 1))))
                if name == "by_lock":
                    test(f"{cc} {level}: and where it is asked for", at["sym"] == "want"
                         and is_line(path, ".c", at, line_of(WAYS, "want")), at)
                    test(f"{cc} {level}: who waits: its stack from there to main",
                         report["waiter"]["how"] == "site" and report["waiter"]["complete"]
                         and {"want", "main"} <= set(names(report["waiter"])), report["waiter"])
                    # built with frame pointers, it takes one that nobody can see
                    test(f"{cc} {level}: who sleeps: too, or it is said why not",
                         report["owner"]["how"] == "proc" and (
                             "main" in names(report["owner"]) if report["owner"]["complete"]
                             else "register" in report["owner"]["end"]), report["owner"])


@check
def guards(shop):
    for cc in "g++", "clang++":
        for level in "-O0", "-O2":
            path = shop.held(cc + level, CXX, level, "-std=c++17", cc=needs(cc), suffix=".cc")
            for words, name in ([], "by_guard"), (["x"], "by_unique"):
                with Held(shop, path, *words) as held:
                    report = held.report()
                site = report["owner"]["site"]
                found = chain(path, hex(int(site["off"], 16) - 1))
                if (cc, level, name) == ("g++", "-O2", "by_guard"):  # clang++ thinks a loop without end cold
                    test(f"{cc} {level}: std::lock_guard takes it where it stands",
                         "by_guard" in site["sym"], site)
                test(f"{cc} {level}: {name.replace('_', ' ')}: the function, or that of the "
                     "library which it calls, by line of our header", any(
                         part in site["sym"] for part in (name, "lock_guard", "unique_lock"))
                     and "fondue/spinlock.h:" in found[0][1], (site, found))


sys.exit(main(__doc__))
