#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue report: lines and names of addresses, against addr2line and nm; and what is printed.

    test-report.py --fondue EXE --library SO --archive A --include DIR
"""
import json
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import skip, test  # noqa: E402
from records import (FUNCTIONS, addr2line, build_id, chain, frame, hold, instructions,  # noqa: E402
                     log, look_up, program, report, returns, symbol)
from workshop import check, is_remark, main, show  # noqa: E402


def differences(mine, theirs):
    return [(hex(int(frame["off"], 16)), chain(frame), other)
            for frame, other in zip(mine, theirs) if chain(frame) != other]


def compare(shop, name, path):
    listed = [address for function in FUNCTIONS for address, _ in instructions(path, function)]
    mine, ran = look_up(shop, [frame(path, each, exact=True) for each in listed])
    wrong = differences(mine, addr2line(path, listed))
    test(f"{name}: functions, files and lines of every instruction are addr2line's",
         ran.returncode == 0 and not ran.stderr and len(listed) > 50 and not wrong
         and any(len(each.get("inlined", [])) == 2 for each in mine), (wrong[:5], ran.stderr))
    behind = [address for function in FUNCTIONS for address in returns(path, function)]
    mine, ran = look_up(shop, [frame(path, each) for each in behind])
    wrong = differences(mine, addr2line(path, [each - 1 for each in behind]))
    test(f"{name}: of a return address they are those of the call", len(behind) > 5
         and not wrong, wrong[:5])
    last, = [each for each in mine if int(each["off"], 16) == returns(path, "never")[-1]]
    start, _ = symbol(path, "never")
    test(f"{name}: behind a call that does not return, too: name and distance",
         last["sym"] == "never" and last["symoff"] == int(last["off"], 16) - start, last)


@check
def lines(shop):
    for cc in "gcc", "clang":
        for options, shared in [([], False), (["-no-pie"], False), (["-gdwarf-4"], False),
                                (["-ffunction-sections", "-Wl,--gc-sections"], False), ([], True)]:
            name = " ".join([cc, *options, *["shared library"] * shared])
            if not shutil.which(cc):
                skip(name, cc + " is not installed")
                continue
            compare(shop, name, program(shop, "work", *options, cc=cc, shared=shared))


@check
def columns(shop):
    path = program(shop, "work")
    mine, _ = look_up(shop, [frame(path, each) for each in returns(path, "hidden")])
    with open(shop.path("work.c")) as file:
        source = file.read().splitlines()
    spot = next(each for each in mine if "inlined" not in each)
    test("the column is where the call stands", source[spot["line"] - 1][spot["column"] - 1:]
         .startswith("sink(n)"), spot)


@check
def layout(shop):
    path = program(shop, "work")
    inner = next(each for each in returns(path, "flush_log")
                 if len(addr2line(path, [each - 1])[0]) == 3)
    address, _ = symbol(path, "flush_log")
    lock, _ = symbol(path, "quiet_lock")
    frames = [{"pc": "0x7f00beef", "exact": True},
              frame(path, inner, sym="flush_log", symoff=inner - address, gap=True),
              frame(path, returns(path, "after")[0], guess=True, signal=True)]
    record = hold(frames, lock=frame(path, lock + 8, addr="0x7f0000004018"))
    record["owner"].update(site=frames[1], complete=False, end="a table is missing")
    ran = report(shop, [record])
    lines = ran.stdout.splitlines()
    where = [f"{os.path.realpath(file)}:{line}"
             for _, file, line in addr2line(path, [inner - 1])[0]]
    test("nothing is missing: nothing is said, status 0", ran.returncode == 0
         and not ran.stderr, show(ran))
    test("the first line: lock, how long, owner and what it does, limit, waiters",
         lines[0] == 'lock quiet_lock+0x8 held 4.2 s by pid 18234 tid 18240 "worker", sleeping in '
         "fsync (limit 1.0 s); 3 wait, the longest 4.1 s", show(ran))
    test("then when, which lock, where it was taken", lines[1].startswith(
        "  when     2026-11-25T20:31:11.123Z, report 18301-7 by pid 18301")
        and re.match(r"  lock     quiet_lock\+0x8 at 0x7f0000004018 \(work, build-id "
                     rf"{build_id(path)}\) .*work.c:4$", lines[2])
        and re.match(rf"  taken    flush_log\+0x{inner - address:x} \(work\) {where[2]}", lines[3]),
        show(ran))
    test("a frame without a name has its address", lines[5].split() == ["#0", "0x7f00beef"], lines)
    test("missing frames are told", lines[6].strip() == "... frames are missing here", lines)
    test("inlined functions: a line each, innermost first, marked",
         [line.split()[-4:-1] for line in lines[7:9]]
         == [[name, "(inlined)", "work"] for name in ("deepest", "write_all")]
         and [line.split()[-1].startswith(each) for line, each in zip(lines[7:9], where)]
         == [True, True] and lines[7].split()[0] == "#1", lines)
    test("the frame that took the lock is marked", lines[9].endswith("<- took the lock")
         and where[2] in lines[9] and f"flush_log+0x{inner - address:x} " in lines[9]
         and ran.stdout.count("<-") == 1, lines)
    test("a guess and a signal are called so", "[a guess]" in lines[10]
         and "[a signal came here]" in lines[10], lines)
    test("why the stack ends", lines[11].strip() == "... a table is missing", lines)
    test("who reports, and who else waits", lines[12] == '  waiter   pid 18301 "collector", for '
         "4.1 s; it tells this itself" and lines[-1].startswith(
             '  waits    pid 18302 tid 18303 "x", sleeping in futex, for 3.9 s, at 0x7f00beef'),
         lines)


@check
def json_output(shop):
    path = program(shop, "work")
    record = hold([frame(path, returns(path, "flush_log")[0])], extra={"later": [1, 2.5, None]})
    ran = report(shop, [record, record], "--json")
    lines = ran.stdout.splitlines()
    test("JSON: a line for each record", len(lines) == 2 and lines[0] == lines[1], show(ran))
    document = json.loads(lines[0])
    added = {"file", "line", "column", "inlined", "sym", "symoff"}
    mine = document["owner"]["frames"][0]
    test("what is added to a frame", set(mine) - set(record["owner"]["frames"][0]) <= added
         and mine["file"].endswith("work.c"), mine)
    frames = [document["owner"]["site"], *document["owner"]["frames"],
              *document["waiter"]["frames"], document["waiters"][0]["site"]]
    test("every frame of a record is looked up", all(each == mine for each in frames), frames)
    for each in frames:
        for key in added & set(each):
            del each[key]
    test("and all else is as it came", document == record, document)
    again = report(shop, lines[:1], "--json", "--sysroot=/")
    test("its output is its input", again.stdout == lines[0] + "\n", show(again))


@check
def events(shop):
    path = program(shop, "work")
    site = frame(path, returns(path, "flush_log")[0])
    head = {"v": 1, "id": "7-1", "t": "2026-11-25T20:31:11.123Z", "pid": 7}
    one, two = ({"addr": hex(i), "sym": f"lock_{i}", "symoff": 0} for i in (1, 2))
    members = [{"pid": pid, "tid": pid, "comm": "worker", "state": "sleeping", "holds": holds,
                "wants": wants, "site": site, "how": "signal", "complete": False,
                "end": "no answer", "frames": [] if pid == 8 else [site]}
               for pid, holds, wants in ((8, one, two), (9, two, one))]
    for record, first, more in [
            ({"ev": "deadlock", "old_ms": 1200, "members": members},
             "DEADLOCK of 2 threads, 1.2 s old: pid 8 holds lock_1, wants lock_2; "
             "pid 9 holds lock_2, wants lock_1", "no stack: no answer"),
            ({"ev": "over", "lock": one, "held_ms": 999, "how": "passed on"},
             "lock lock_1: passed on after 999 ms", "by pid 7"),
            ({"ev": "death", "lock": one, "owner": {"pid": 5, "tid": 6, "site": site},
              "heir": {"pid": 8, "tid": 8, "comm": "heir"}},
             'lock lock_1: its owner, pid 5 tid 6, died holding it; now pid 8 "heir" '
             'has taken it over',
             "  taken    flush_log"),
            ({"ev": "order", "first": one, "second": two, "site": site, "other_site": site,
              "frames": [site]}, "lock lock_1 and then lock_2, elsewhere the other way round",
             "  there    flush_log"),
            ({"ev": "self", "lock": one, "frames": [site]},
             "lock lock_1: its own owner asked for it again", "#0"),
            ({"ev": "long", "lock": one, "held_ms": 2100, "limit_ms": 1000, "site": site,
              "frames": [site]}, "lock lock_1 was held 2.1 s (limit 1.0 s)",
             "  taken    flush_log")]:
        ran = report(shop, [{**head, **record}])
        test(f"event {record['ev']}: the first line, and the rest", ran.returncode == 0
             and not ran.stderr and ran.stdout.startswith(first) and more in ran.stdout
             and ("work.c:" in ran.stdout) == (record["ev"] != "over"), show(ran))
        ran = report(shop, [{**head, **{key: value for key, value in record.items()
                                        if key == "ev"}}])
        test(f"event {record['ev']}: with nothing in it", ran.returncode == 0
             and ran.stdout.count("\n") >= 2, show(ran))


@check
def mixed(shop):
    path = program(shop, "work")
    good = hold([frame(path, returns(path, "flush_log")[0])])
    whole = json.dumps(good)
    alone = report(shop, [good]).stdout
    ran = report(shop, ["fondue[7]: text", good, "", "a progress bar... " + whole,
                        '{"level": "info"}', "[1]", whole[:-20], whole + "x", "{", "\0\xff",
                        {"v": 2, "ev": "hold"}, {"v": 1, "ev": "frob"}, "{\"v\":1"])
    test("among other lines: each record, also behind others' text",
         ran.returncode == 0 and ran.stdout == alone + "\n" + alone, show(ran))
    test("the others are counted in one line, by kind", is_remark(
        ran, "3 of other text", "4 cut off or damaged", "1 of other JSON",
        '2 of a kind that is not known here (version 2, event "hold"'), show(ran))
    ran = report(shop, ["text", {"v": 1, "ev": "frob"}])
    test("nothing usable: status 1, and what there was", ran.returncode == 1 and not ran.stdout
         and ran.stderr.count("\n") == 2 and 'event "frob"' in ran.stderr
         and "FONDUE_REPORT_FORMAT" in ran.stderr, show(ran))
    with open(log(shop, good)) as file:
        ran = shop.fondue("report", "-", stdin=file)
    test("from standard input", ran.stdout == alone and ran.returncode == 0, show(ran))
    ran = shop.fondue("report", log(shop, good), log(shop, "text", name="other"), shop.path("log"))
    test("several files, one without", ran.stdout == alone + "\n" + alone
         and ran.returncode == 0 and "other: no report" in ran.stderr, show(ran))
    ran = shop.fondue("report", shop.path("log"), shop.path("missing"), shop.directory)
    test("one that is missing, one that is a directory: said, status 1", ran.stdout == alone
         and ran.returncode == 1 and ran.stderr.count("\n") == 2, show(ran))


@check
def usage(shop):
    path = log(shop, hold([{"pc": "0x1"}]))
    ran = shop.fondue("report", "--help")
    test("help: status 0, and in the table", ran.returncode == 0 and "--sysroot" in ran.stdout
         and "\n  report " in shop.fondue("help").stdout, show(ran))
    for words in [], ["--frob", path], ["--sysroot"], ["--debug-dir=/nonexistent", path], \
            ["--debuginfod", path]:
        ran = shop.fondue("report", *words)
        test(f"wrong use: status 2 and one line: {words[:1]}", ran.returncode == 2
             and ran.stderr.count("\n") == 1 and not ran.stdout, show(ran))
    with open("/dev/full", "w") as full:
        ran = shop.fondue("report", path, stdout=full)
        test("output that cannot be written is an error", ran.returncode == 1
             and "standard output" in ran.stderr, ran.stderr)

sys.exit(main(__doc__))
