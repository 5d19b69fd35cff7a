#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A report: names that are certain, or none.

    test-hold-names.py --fondue EXE --library SO --archive A --include DIR
"""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from held import Held  # noqa: E402
from workshop import check, main, needs, run  # noqa: E402

# The lock is where the first argument says; locks in a library are its own business.
LOCKS = r"""
#include <dlfcn.h>
struct queue { long length; fondue_spinlock_t lock; };
FONDUE_SHARED static struct queue queue;
FONDUE_SHARED struct queue queues[5];
FONDUE_SHARED fondue_spinlock_t plain;
FONDUE_SHARED_ZERO fondue_spinlock_t zeroed[2];
fondue_spinlock_t private_one; /* not annotated: each process its own */
#ifdef LIBRARY
extern fondue_spinlock_t *lock_of_library(int hidden);
#endif
static fondue_spinlock_t *lock;

KEEP static fondue_spinlock_t *inside(void)
{
	FONDUE_SHARED static fondue_spinlock_t within;
	return &within;
}
KEEP static fondue_spinlock_t *mapped(void)
{
	return (fondue_spinlock_t *)((char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0) + 64);
}
KEEP static void take(void) { fondue_spin_lock(lock); have(); }
KEEP void want(void) { fondue_spin_lock(lock); STAY(); }
KEEP static void own(void) { take(); STAY(); }

int main(int argc, char **argv)
{
	const char *which = argc > 1 ? argv[1] : "plain";

	lock = !strcmp(which, "member") ? &queue.lock : !strcmp(which, "element") ? &queues[3].lock :
		!strcmp(which, "within") ? inside() : !strcmp(which, "mapped") ? mapped() :
		!strcmp(which, "zeroed") ? &zeroed[1] : &plain;
#ifdef LIBRARY
	if (!strcmp(which, "library") || !strcmp(which, "hidden"))
		lock = lock_of_library(*which == 'h');
#endif
	return held(own, want);
}
"""
LIBRARY = r"""
#include <fondue/spinlock.h>
FONDUE_SHARED fondue_spinlock_t library_lock;
FONDUE_SHARED static fondue_spinlock_t hidden_lock;
fondue_spinlock_t *lock_of_library(int hidden) { return hidden ? &hidden_lock : &library_lock; }
"""


def symbols(path):
    """name: (start, size), of those with a size."""
    out = run([needs("nm"), "-S", path]).stdout.split("\n")
    return {line.split()[3]: (int(line.split()[0], 16), int(line.split()[1], 16))
            for line in out if len(line.split()) == 4}


def is_certain(place, table):
    """What a report names is what nm has at that offset of the file, or it names nothing."""
    if "sym" not in place:
        return True
    start, size = table.get(place["sym"].split("@")[0], (0, 0))
    return start + place["symoff"] == int(place["off"], 16) and place["symoff"] <= size


def places(report):
    yield report["lock"]
    for who in "owner", "waiter":
        yield report[who].get("site", {})
        yield from report[who].get("frames", [])


def are_certain(report, path, table):
    return all(is_certain(place, table) for place in places(report) if place.get("obj") == path)


def library(shop, *options):
    return shop.library_of("liblocks.so", LIBRARY, *options)


def with_library(shop, name="user", *options):
    library(shop)
    return shop.held(name, LOCKS, "-DLIBRARY", "-O1", "-L.", "-llocks", "-Wl,-rpath,$ORIGIN", *options)


@check
def variables(shop):
    path = with_library(shop)
    table = symbols(path)
    for which, name, offset in [
            ("plain", "plain", 0), ("member", "queue", 8), ("element", "queues", 56),
            ("within", "within.", 0), ("zeroed", "zeroed", 8), ("mapped", None, 0),
            ("library", "library_lock", 0), ("hidden", "hidden_lock", 0)]:
        with Held(shop, path, which) as held:
            report = held.report()
        lock = report["lock"]
        test(f"a lock, {which}: the variable, and where in it", lock.get("sym", "None").startswith(
            name or "None") and lock.get("symoff", 0) == offset
            and ("obj" in lock) == bool(name), lock)
        test("... in the right file", not name or lock["obj"] == (
            shop.path("liblocks.so") if which in ("library", "hidden") else path), lock)
        test("... and all other names are right", are_certain(report, path, table)
             and are_certain(report, shop.path("liblocks.so"),
                             symbols(shop.path("liblocks.so"))), report)


@check
def ways_to_build(shop):
    for name, options, named in [
            ("PIE", ["-pie", "-fPIE"], True), ("no PIE", ["-no-pie", "-fno-PIE"], True),
            ("no build-id", ["-Wl,--build-id=none"], True),
            ("stripped", ["-s"], False), ("stripped, no PIE", ["-s", "-no-pie", "-fno-PIE"], False),
            ("stripped, exported names", ["-s", "-rdynamic"], None)]:
        kept = shop.held("kept", LOCKS, "-O1", *[word for word in options if word != "-s"])
        table = symbols(kept)
        path = shop.held("built", LOCKS, "-O1", *options)
        with Held(shop, path, "plain") as held:
            report = held.report()
        seen = list(places(report))
        own = [place for place in seen if place.get("obj") == path]
        found = {place["sym"] for place in own if "sym" in place}
        test(f"{name}: no name is wrong", all(is_certain(place, table) for place in own), own)
        if named is None:
            test("... and those that are exported are there, static ones not",
                 {"plain", "want", "main"} <= found <= {"plain", "want", "main", "_start", "have"},
                 found)
        else:
            test("... and " + ("they are there" if named else "there is none, but offsets"),
                 {"plain", "take", "want"} <= found if named else not found and own, own)


@check
def stripped_library(shop):
    library(shop, "-s")
    path = shop.held("user", LOCKS, "-DLIBRARY", "-O1", "-L.", "-llocks", "-Wl,-rpath,$ORIGIN")
    for which, name in ("library", "library_lock"), ("hidden", None):
        with Held(shop, path, which) as held:
            lock = held.report()["lock"]
        test(f"a stripped library's lock, {'exported' if name else 'static'}: "
             + ("its name" if name else "no name, but the library and the offset"),
             lock.get("sym") == name and lock["obj"].endswith("/liblocks.so") and lock["off"], lock)


@check
def files_that_change(shop):
    kept = with_library(shop, "kept")
    other = shop.held("other", "KEEP void another(void) { STAY(); }\n" + LOCKS.replace(
        "queues[5]", "others[9]").replace("queues[3]", "others[5]").replace("take", "other"), "-O1")
    for name, change in [
            ("replaced by another", lambda path: shutil.copy(other, path + ".n")
             and os.rename(path + ".n", path)),
            ("replaced by a directory", lambda path: os.unlink(path) or os.mkdir(path)),
            ("replaced by a pipe", lambda path: os.unlink(path) or os.mkfifo(path)),
            ("deleted", os.unlink),
            ("replaced by a copy of itself", lambda path: shutil.copy(kept, path + ".n")
             and os.rename(path + ".n", path)),
            ("cut to nothing", lambda path: shutil.copy(kept, path + ".n")
             and os.rename(path + ".n", path) or os.truncate(path, 100))]:
        path = shop.path("running")
        shutil.copy(kept, path)
        with Held(shop, path, "element", limit=150) as held:
            held.hear()
            change(path)
            report = held.report()
        own = [place for place in places(report) if place.get("obj", "").split(" ")[0] == path]
        wanted = "itself" in name
        test(f"the program's file was {name}: " + (
            "its names are right" if wanted else "no names, but offsets, and that it changed"),
            own and all(bool(place.get("sym")) == wanted for place in own)
            and (wanted or any(place.get("changed") for place in own)
                 or name in ("deleted", "replaced by a directory", "replaced by a pipe")), own)
        test("... the report is whole all the same", report["owner"]["frames"]
             and len(report["waiter"]["frames"]) > 2, report)
        if os.path.isdir(path):
            os.rmdir(path)
        elif os.path.exists(path):
            os.unlink(path)


sys.exit(main(__doc__))
