#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue locks: where a lock was taken, and where others ask for it.

    test-locks-sites.py --fondue EXE --library SO --archive A --include DIR
"""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import skip, test  # noqa: E402
from kin import Kin, at, build, letter, source, until  # noqa: E402
from workshop import Skip, check, main, needs, run, show  # noqa: E402

PLUGIN = r"""
#include <stdlib.h>
#include <fondue/spinlock.h>

void take_there(fondue_spinlock_t *lock)
{
	if (fondue_spin_lock(lock))
		abort();
}
"""


def start_of(path, function):
    return int(re.search(rf"^(\w+) [tT] {function}$", run(["nm", path]).stdout, re.M).group(1), 16)


def source_of(path, offset):
    """Of what is before it: the function that is not inlined, and what stands in its line."""
    lines = run(["addr2line", "-i", "-f", "-e", path, hex(offset - 1)]).stdout.splitlines()
    name, number = re.match(r"(.*):(\d+)", lines[-1]).groups()
    with open(name) as file:
        return lines[-2], os.path.basename(name), file.readlines()[int(number) - 1]


def is_in(path, site, function):
    """The site is in that function, where it takes a lock; and it is the name it has."""
    if not site or "off" not in site:
        return False
    offset = int(site["off"], 16)
    where, file, line = source_of(path, offset)
    return (site.get("sym") == where == function
            # clang's line is that of the innermost function that is inlined there
            and (file == "spinlock.h" or "fondue_spin_lock(" in line)
            and site["symoff"] == offset - start_of(path, function) and site["obj"] == path
            and int(site["pc"], 16) % 4096 == offset % 4096
            and site["bid"] in run(["readelf", "-n", path]).stdout)


def named(site):
    return f"{site['sym']}+0x{site['symoff']:x} (kin)"


def taken(document, number):
    return at(document, "table", 8 * number)["owner"]["site"]


@check
def each_build(shop):
    for cc, options in [("gcc", ["-O0"]), ("gcc", ["-O2"]), ("gcc", ["-O2", "-no-pie"]),
                        ("clang", ["-O2"])]:
        name = " ".join([cc, *options])
        try:
            path = build(shop, *options, cc=cc)
        except Skip as why:
            skip(name, str(why))
            continue
        with Kin(shop) as kin:
            kin.do("nest", 20, 22)
            kin.do("spin", 23)
            kin.do("again", 24)
            kin.do("wait", 21)
            kin.say("thread", 21)
            kin.hear()
            document, ran = kin.waiting(2), kin.text()
            sites = [taken(document, number) for number in (20, 21, 22, 23, 24)]
            where = ["take", "take_odd", "take", "take", "take"]
            test(f"{name}: where a lock was taken, nested ones too; by one that runs; without the "
                 "runtime's help", all(map(is_in, [path] * 5, sites, where)), document)
            asked = [each["site"] for each in at(document, "table", 168)["waiters"]]
            test(f"{name}: where those ask for it who wait, a process and a thread",
                 len(asked) == 2 and all(is_in(path, site, "take_and_return") for site in asked),
                 asked)
            test(f"{name}: the text: a line behind that of the lock, and at the end of a waiter's",
                 re.search(rf"^lock table\+0xa8 .*\n  taken   at {re.escape(named(sites[1]))}\n"
                           r"(  waits   .*, for [\d.]+ m?s, at "
                           rf"{re.escape(named(asked[0]))}\n){{2}}", ran.stdout, re.M), show(ran))


@check
def dead_owners(shop):
    path = build(shop, "-O1")
    shop.library_of("plugin.so", PLUGIN, "-O2")
    with Kin(shop) as kin:
        holder, other = kin.do("nest", 40, 42), kin.do("plugin", 50)
        site = taken(kin.look(), 50)
        test("code that only the owner has: told by its own mappings", site
             and site.get("sym") == "take_there" and site["obj"] == shop.path("plugin.so"), site)
        for each in holder, other:
            os.kill(each, signal.SIGKILL)
            until(lambda: letter(each) == "Z")
        document, ran = kin.look(), kin.text()
        test("of the dead: the name that it has in a relative, where a lock is taken there",
             all(is_in(path, taken(document, number), "take_odd" if number == 41 else "take")
                 for number in (40, 41, 42))
             and re.search(r"^lock table\+0x140 .* died holding it.*\n  taken   at take\+0x",
                           ran.stdout, re.M), show(ran))
        test("what no relative has stays an address", taken(document, 50) == {"pc": site["pc"]}
             and f"  taken   at {site['pc']}\n" in ran.stdout, show(ran))
    # the same code without a lock: what the relative has there now is no such place
    with Kin(shop) as kin:
        holder = kin.do("hold", 43)
        os.kill(holder, signal.SIGKILL)
        until(lambda: letter(holder) == "Z")
        site = taken(kin.look(), 43)
        patch(kin.pid, int(site["pc"], 16))
        document = kin.look()
        test("where the relative takes no lock its name is not lent",
             taken(document, 43) == {"pc": site["pc"]}, document)


def patch(pid, address):
    """Other instructions, as another program would have there; nobody executes them."""
    try:
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(address - 16)
            memory.write(b"\x90" * 16)
    except OSError as why:
        raise Skip(f"its code cannot be changed: {why}")


@check
def no_wrong_name(shop):
    for name, options in [("stripped", ["-O2"]),
                          ("with the names of exported functions only", ["-O2", "-rdynamic"])]:
        path = build(shop, *options)
        start = start_of(path, "take")
        shop.make(needs("strip"), "kin")
        with Kin(shop) as kin:
            kin.do("hold", 0)
            kin.do("wait", 0)
            lock, ran = kin.waiting(1)["locks"][0], kin.text()
            site, asked = lock["owner"]["site"], lock["waiters"][0]["site"]
            test(f"{name}: the place in the file, and no name near it", site["obj"] == path
                 and start < int(site["off"], 16) < start + 4096
                 and not any("sym" in each for each in (site, asked))
                 and f"\n  taken   at kin+{site['off']}\n" in ran.stdout
                 and f", at kin+{asked['off']}\n" in ran.stdout, show(ran))


@check
def replaced(shop):
    build(shop, "-O2")
    with Kin(shop) as kin:
        kin.do("hold", 60)
        other = source().replace(" take(", " wrong(").replace("\ttake(", "\twrong(")
        shop.program("new", other, "-O2", "-pthread", "-ldl")
        os.rename(shop.path("new"), shop.path("kin"))
        ran, locks = kin.text(), kin.look()["locks"]
        site = locks[0]["owner"]["site"]
        test("a file that has been replaced lends no name, and it is said why",
             "sym" not in site and site["changed"] is True and "wrong" not in ran.stdout
             and "  taken   at kin+0x" in ran.stdout, (site, show(ran)))


@check
def busy(shop):
    path = build(shop, "-O2")
    with Kin(shop) as kin:
        for number in 70, 71, 70, 71:
            kin.do("hammer", number)
        wrong, seen = [], 0
        for _ in range(100):
            for lock in kin.look()["locks"]:
                sites = [each["site"] for each in [lock["owner"], *lock["waiters"]] if each]
                sites = [site for site in sites if site]
                seen += len(sites)
                wrong += [site for site in sites if not is_in(path, site, "take_and_return")]
        test("of locks that change hands all the time: that place, or none", not wrong, wrong)
        test("and it has been seen", seen > 0)


sys.exit(main(__doc__))
