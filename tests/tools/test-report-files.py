#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue report: the files that it finds, by build-id, and those that it must not use.

    test-report-files.py --fondue EXE --library SO --archive A --include DIR
"""
import ctypes
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from records import (FUNCTIONS, build_id, frame, hold, instructions, log, look_up,  # noqa: E402
                     program, report, returns, symbol)
from workshop import Skip, check, is_remark, main, show  # noqa: E402

CURE = "give --debug-dir or --sysroot"


@check
def apart(shop):
    path = program(shop, "work")
    inside = [frame(path, each) for each in returns(path, "flush_log")]
    full, _ = look_up(shop, inside)
    bid = build_id(path)
    os.makedirs(shop.path("debug/.build-id/" + bid[:2]))
    os.makedirs(shop.path("root" + shop.directory))
    debug = shop.path(f"debug/.build-id/{bid[:2]}/{bid[2:]}.debug")
    shop.make("objcopy", "--only-keep-debug", "work", debug)
    shop.make("strip", "work")
    mine, ran = look_up(shop, inside)
    test("stripped: no names, no lines; one line says what to do", not any(
        "file" in each or "sym" in each for each in mine) and ran.returncode == 0
        and is_remark(ran, path, bid, "no debug information", "--debug-dir"), show(ran))
    mine, ran = look_up(shop, inside, "--debug-dir", shop.path("debug"))
    test("its debug file by build-id: everything again", mine == full and not ran.stderr, show(ran))
    mine, ran = look_up(shop, inside, "--debug-dir=debug", "--debug-dir=.")
    test("a relative directory, and more than one", mine == full, show(ran))
    os.rename(path, shop.path("root" + path))
    mine, ran = look_up(shop, inside)
    test("not here: said once, with a cure", is_remark(ran, path, bid, "not here", CURE)
         and mine == inside and ran.returncode == 0, show(ran))
    mine, ran = look_up(shop, inside, "--sysroot", shop.path("root"), "--debug-dir=debug")
    test("below another root", mine == full and not ran.stderr, show(ran))
    mine, ran = look_up(shop, inside, "--debug-dir=debug")
    test("the debug file alone is enough", mine == full and not ran.stderr, show(ran))
    shutil.move(shop.path("root" + path), path)
    shutil.move(debug, shop.path("work.debug"))
    shop.make("objcopy", "--add-gnu-debuglink=work.debug", "work")
    mine, ran = look_up(shop, inside)
    test("by its .gnu_debuglink, beside it", mine == full and not ran.stderr, show(ran))
    os.rename(shop.path("work.debug"), debug)
    shop.make("objcopy", "--add-section", ".other=" + log(shop, "other"), debug)
    other = program(shop, "other", "-DOTHER=1", "-O1")
    shop.make("objcopy", "--only-keep-debug", other, debug)
    mine, ran = look_up(shop, inside, "--debug-dir=debug")
    test("a debug file of another build, under that build-id, is not taken",
         not any("file" in each for each in mine), show(ran))


@check
def servers(shop):
    """A directory is a server, too: file:// is what the client library knows beside http."""
    try:
        ctypes.CDLL("libdebuginfod.so.1")
    except OSError as why:
        raise Skip(f"no client library: {why}") from why
    path = program(shop, "work")
    inside = [frame(path, each) for each in returns(path, "flush_log")]
    full, _ = look_up(shop, inside)
    bid = build_id(path)
    os.makedirs(shop.path("server/buildid/" + bid))
    shop.make("objcopy", "--only-keep-debug", "work", f"server/buildid/{bid}/debuginfo")
    shop.make("strip", "work")
    shop.environment.update(DEBUGINFOD_URLS="file://" + shop.path("server"),
                            DEBUGINFOD_CACHE_PATH=shop.path("cache"))
    mine, ran = look_up(shop, inside)
    test("no server is asked unasked", "line" not in mine[0] and not os.path.exists(
        shop.path("cache")), show(ran))
    mine, ran = look_up(shop, inside, "--debuginfod")
    test("debug information from a server", mine == full and not ran.stderr, show(ran))
    os.rename(path, shop.path("away"))
    mine, ran = look_up(shop, inside, "--debuginfod")
    test("the same of a program that is not here", mine == full and not ran.stderr, show(ran))


@check
def changed(shop):
    path = program(shop, "work")
    frames = [frame(path, returns(path, "flush_log")[0], sym="mine", symoff=4)]
    os.rename(path, shop.path("old"))
    program(shop, "work", "-O1")
    mine, ran = look_up(shop, frames)
    test("another build at that path: not used, and said", mine == frames
         and is_remark(ran, "another build", CURE), show(ran))
    path = shop.path("work")
    shop.make("gcc", "-c", "-g", "-O2", "work.c")
    for name, what in ("text", "not an ELF file"), ("work.o", "cannot be used"), (".", "directory"):
        shop.write("text", "text\n")
        one = frame(os.path.join(shop.directory, name), 16, bid="ab" * 20, sym="mine")
        mine, ran = look_up(shop, [one])
        test(f"what is no program there: {what}", mine == [one] and is_remark(ran, what), show(ran))
    one = frame(path, returns(path, "flush_log")[0], bid=build_id(path).upper())
    one["obj"] += " (deleted)"
    mine, ran = look_up(shop, [one])
    test("said to be deleted, and the same build is there: used", "line" in mine[0], show(ran))


@check
def names(shop):
    path = program(shop, "libwork.so", "-g0", shared=True)
    inside = [frame(path, address, exact=True) for function in FUNCTIONS
              for address, _ in instructions(path, function)]
    mine, ran = look_up(shop, inside)
    test("without debug information: names by the symbols, no lines", is_remark(
        ran, "no debug information") and not any("file" in each for each in mine)
        and all(each["symoff"] == int(each["off"], 16) - symbol(path, each["sym"])[0]
                for each in mine) and {each["sym"] for each in mine} == set(FUNCTIONS), show(ran))
    start, size = symbol(path, "hidden")
    shop.make("strip", "libwork.so")
    bid = build_id(path)
    hidden = [frame(path, each, bid=bid, exact=True) for each in range(start, start + size)]
    mine, _ = look_up(shop, hidden)
    test("stripped: a static function has no name, least of all its neighbour's",
         not any("sym" in each for each in mine), mine[:3])
    mine, _ = look_up(shop, [dict(each, sym="kept", symoff=1) for each in hidden])
    test("the name that the record has is kept", all(
        (each["sym"], each["symoff"]) == ("kept", 1) for each in mine), mine[:3])
    mine, _ = look_up(shop, [dict(each, sym="old", symoff=1) for each in inside])
    test("but for the file's own", {each["sym"] for each in mine}
         == set(FUNCTIONS) - {"hidden"} | {"old"}, mine[:3])
    mine, _ = look_up(shop, [frame(path, each, bid=bid) for each in
                             (0, 1, 8, 2**31, 2**63, 2**64 - 1)])
    test("where no code is, there is no name", not any(
        "sym" in each or "file" in each for each in mine), mine)


@check
def locks(shop):
    path = program(shop, "work")
    lock, size = symbol(path, "quiet_lock")
    shop.make("objcopy", "--only-keep-debug", "work", "work.debug")
    shop.make("strip", "-g", "work")
    shop.make("objcopy", "--add-gnu-debuglink=work.debug", "work")
    for offset, name in (0, "quiet_lock"), (size - 1, f"quiet_lock+0x{size - 1:x}"), \
            (0x100000, "at 0x7f"):
        record = hold([{"pc": "0x1"}], lock=frame(path, lock + offset, addr="0x7f"))
        del record["lock"]["pc"]
        out = report(shop, [record]).stdout
        test(f"a lock: {name}", out.startswith(f"lock {name} held ")
             and ("work.c:4" in out) == (offset < size), out)


@check
def without_build_ids(shop):
    path = program(shop, "work", "-Wl,--build-id=none")
    behind = returns(path, "flush_log")[0]
    mine, ran = look_up(shop, [frame(path, behind, bid=False, sym="mine", symoff=1)])
    test("no build-id on either side: used, not verified, and overrides no name",
         mine[0]["verified"] is False and mine[0]["sym"] == "mine" and "line" in mine[0]
         and not ran.stderr, show(ran))
    out = report(shop, [hold([frame(path, behind, bid=False)])]).stdout
    marked = [line for line in out.splitlines() if "work.c" in line or "inner.h" in line]
    test("every line of the text is marked", len(marked) > 3 and all(
        "[not verified]" in line for line in marked), out)
    for bid in "", "xyz", "abc", "a/../b", 7:
        record = frame(path, behind, bid=False)
        record["bid"] = bid
        mine, _ = look_up(shop, [record])
        test(f"what is no build-id is none: {bid!r}", mine[0].get("verified") is False, mine)
    mine, ran = look_up(shop, [frame(path, behind, bid="ab" * 20)])
    test("one in the record only: not used", "line" not in mine[0]
         and is_remark(ran, "another build"), show(ran))
    path = program(shop, "with")
    mine, ran = look_up(shop, [frame(path, behind, bid=False)])
    test("one in the file only: not used", "line" not in mine[0]
         and is_remark(ran, "no build-id of it"), show(ran))

sys.exit(main(__doc__))
