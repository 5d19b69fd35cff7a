#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue report: records and files that are cut off, damaged, or made to mislead.

    test-report-hostile.py --fondue EXE --library SO --archive A --include DIR [--rounds=N]
"""
import copy
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import note, test  # noqa: E402
from records import (build_id, chain, frame, hold, log, look_up, program,  # noqa: E402
                     report, returns)
from workshop import Skip, check, is_remark, main, run, show  # noqa: E402

# What no record has where it has something else.
ODD = [None, True, 0, -1, 2**63 - 1, -2**63, 1.5, 1e300, "", "0x", "0x" + "f" * 17, "-0x1",
       "x" * 10000, "\x1b[31m", "/", "/dev/zero", "/proc/self/mem", [], [[]], {}, [1], {"a": 1}]
CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")


def raw(shop, path, *options):
    """Not decoded: which bytes come out is the question."""
    return subprocess.run([shop.args.fondue, "report", *options, path], timeout=120,
                          env=shop.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def clean(ended):
    return ended.returncode in (0, 1) and not CONTROL.search(ended.stdout + ended.stderr)


def sample(shop):
    path = program(shop, "work")
    frames = [frame(path, each, sym="a_name", symoff=3, gap=True, guess=True, signal=True)
              for each in returns(path, "flush_log")[:2]]
    members = [{"pid": 8, "tid": 8, "comm": "w", "state": "s", "holds": frames[0],
                "wants": frames[0], "site": frames[0], "how": "self", "complete": False,
                "end": "no answer", "frames": frames}]
    return hold(frames, members=members, first=frames[0], second=frames[0], site=frames[0],
                other_site=frames[0], heir={"pid": 8, "tid": 8, "comm": "heir"}, old_ms=7)


@check
def cut_off(shop):
    whole = json.dumps(hold([{"pc": "0x1", "sym": "name"}])).encode()
    path = log(shop, *(whole[:length] for length in range(len(whole))))
    ended = raw(shop, path)
    test("a record cut off at every length is none", ended.returncode == 1 and not ended.stdout
         and b"cut off or damaged" in ended.stderr, ended.stderr)
    good = raw(shop, log(shop, whole)).stdout
    bad = []
    for length in range(0, len(whole), 7):
        with open(path, "wb") as file:
            file.write(whole + b"\n" + whole[:length])
        ended = raw(shop, path)
        if ended.returncode != 0 or ended.stdout != good:
            bad.append((length, ended))
    test("and takes nothing from the one before it, without an end of line", not bad, bad[:2])


def places(value, prefix=()):
    """The path of every member and element in a record."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in list(items):
        yield (*prefix, key)
        if isinstance(each, (dict, list)):
            yield from places(each, (*prefix, key))


def replaced(record, place, value):
    changed = copy.deepcopy(record)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


@check
def odd_values(shop):
    record = sample(shop)
    events = ["hold", "deadlock", "over", "death", "order", "self", "long"]
    count = 0
    for event in events:
        record["ev"] = event
        made = [replaced(record, place, value) for place in places(record)
                if len(place) < 4 and place not in (("v",), ("ev",)) for value in ODD]
        count += len(made)
        path = log(shop, *made)
        for options in [], ["--json"]:
            ended = raw(shop, path, *options)
            good = clean(ended) and ended.returncode == 0
            if options and good:
                good = len([json.loads(line) for line in ended.stdout.splitlines()]) == len(made)
            test(f"event {event}, each member made odd: read{', in JSON' * len(options)}", good,
                 (ended.returncode, ended.stderr[-500:], ended.stdout[-300:]))
    note(f"{count} records")


@check
def characters(shop):
    nasty = "a\n\r\t\x1b[31m\x07\x7f\u0080\u009b2J\u00e9\u2028"
    record = hold([{"pc": "0x1", "sym": nasty, "obj": "/x/" + nasty, "off": "0x2"}])
    for thread in record["owner"], record["waiter"], record["waiters"][0]:
        thread.update(comm=nasty, state=nasty, end=nasty, complete=False)
    record.update(id=nasty, t=nasty, lock={"addr": "0x1", "sym": nasty, "obj": nasty, "bid": nasty})
    path = log(shop, record, {"v": 3, "ev": nasty})
    for options in [], ["--json"]:
        ended = raw(shop, path, *options)
        test(f"control characters reach no terminal{', in JSON' * len(options)}", clean(ended)
             and ended.returncode == 0 and "\u00e9".encode() in ended.stdout, ended)
    ended = raw(shop, path, "--json")
    test("in JSON they are what they were", json.loads(ended.stdout) == record, ended)
    os.rename(path, shop.path("log\x1b[1m\n"))
    test("nor do those in the name of the file", clean(raw(shop, shop.path("log\x1b[1m\n"))))
    line = json.dumps(hold([{"pc": "0x1", "sym": "NAME"}]), ensure_ascii=False).encode()
    for wrong in b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\xaf":
        ended = raw(shop, log(shop, line.replace(b"NAME", b"<" + wrong + b">")), "--json")
        name = json.loads(ended.stdout)["owner"]["frames"][0]["sym"] if ended.stdout else None
        test(f"what is no UTF-8 costs its own place: {wrong!r}", ended.returncode == 0
             and name and set(name[1:-1]) == {"\ufffd"}, ended)


@check
def large(shop):
    began = time.monotonic()
    path = log(shop, b"[" * 500000, b'{"v":' * 100000, b'{"v":1,"ev":"hold","a":' * 30000,
               b"x" * 30000000, b'{"v":1,"ev":"hold","id":"' + b"y" * 5000000 + b'"}',
               b"\0" * 3000000, b'{"v":1e999,"ev":"hold"}', b'{"v":1,"ev":"hold","pid":1%s}'
               % (b"0" * 500000), hold([{"pc": "0x1"}]))
    ended = raw(shop, path)
    test("deep nesting, long lines and long numbers are passed over", ended.returncode == 0
         and clean(ended) and ended.stdout.count(b"held 4.2 s") == 1, ended.stderr[:500])
    deep = json.dumps(hold([{"pc": "0x1"}]))[:-1] + ',"a":' + "[" * 2000 + "]" * 2000 + "}"
    ended = raw(shop, log(shop, deep), "--json")
    test("what is nested less is kept", ended.returncode == 0
         and ended.stdout.count(b"[" * 2000) == 1, ended.stderr[:500])
    good = program(shop, "work")
    bid = build_id(good)
    frames = [{"obj": good, "bid": bid, "off": hex(each)} for each in range(9000)]
    ended = raw(shop, log(shop, hold(frames), *(hold([{"obj": f"/nowhere/{each}", "off": "0x1"}])
                                                for each in range(3000))))
    test("thousands of frames, and of files", ended.returncode == 0 and clean(ended)
         and ended.stderr.count(b"\n") < 600 and b"more\n" in ended.stdout, ended.stderr[-300:])
    took = time.monotonic() - began
    test("all of that in a minute", took < 60, took)


def damaged(good, choice):
    """The bytes of a program, with its build-id, and something else wrong."""
    data = bytearray(good)
    kind = choice.randrange(4)
    areas = [(0, 64), (64, 800), (len(good) - 3000, 3000), (0x3000, len(good) - 0x3000)]
    for _ in range(choice.choice([1, 4, 40])):
        start, size = choice.choice(areas)
        at = min(max(0, start + choice.randrange(size)), len(good) - 8)
        if kind == 0:
            data[at] ^= 1 << choice.randrange(8)
        elif kind == 1:
            data[at:at + 4] = choice.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f",
                                             b"\x80\x80\x80\x80"])
        else:
            data[at] = choice.randrange(256)
    if kind == 3:
        del data[choice.randrange(len(data)):]
    return bytes(data)


@check
def damaged_files(shop):
    choice = random.Random(4)
    bad, lost, named = [], 0, 0
    for options in ["-gdwarf-5"], ["-gdwarf-4", "-gz"]:
        path = program(shop, "work", *options)
        frames = [frame(path, each) for each in returns(path, "flush_log")]
        path_of_log = log(shop, hold(frames, lock=frame(path, 0x4060)))
        with open(path, "rb") as file:
            good = file.read()
        for _ in range(shop.args.rounds // 2):
            with open(shop.path("new"), "wb") as file:
                file.write(damaged(good, choice))
            os.rename(shop.path("new"), path)
            try:
                ended = raw(shop, path_of_log)
            except subprocess.TimeoutExpired:
                bad.append("it hangs")
                continue
            lost += b"are damaged" in ended.stderr
            named += b"work.c:" in ended.stdout
            if ended.returncode != 0 or not clean(ended) or b"held 4.2 s" not in ended.stdout:
                bad.append(ended)
    test("damaged programs and debug information: the report is shown", not bad, bad[:2])
    note(f"{shop.args.rounds} files: {named} still had lines, {lost} ended the one who looked")


@check
def lost_helper(shop):
    """The process that looks into files is killed: so would it be by a file."""
    one, two = program(shop, "one"), program(shop, "two")
    behind = returns(one, "flush_log")[:2]
    with subprocess.Popen([shop.args.fondue, "report", "--json", "-"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        def ask(path, offset):
            process.stdin.write(json.dumps(hold([frame(path, offset)])).encode() + b"\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())["owner"]["frames"][0]
        first = ask(one, behind[0])
        try:
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
                child, = file.read().split()
        except (OSError, ValueError) as why:
            process.stdin.close()
            raise Skip(f"the child is not listed: {why}") from why
        os.kill(int(child), signal.SIGKILL)
        second, third, again = ask(one, behind[1]), ask(two, behind[0]), ask(one, behind[0])
        process.stdin.close()
        said = process.stderr.read().decode()
    test("lost in the middle: that frame stays as it was", "line" in first
         and "line" not in second, second)
    test("other files are looked up all the same, and what was known stays known",
         chain(third)[0][1:] and "line" in third and again == first, third)
    test("it is said, once", said.count("\n") == 1 and one in said and "damaged" in said
         and process.returncode == 0, said)
    test("no child outlives the command", not os.path.exists(f"/proc/{child}"))


@check
def odd_files(shop):
    os.mkfifo(shop.path("fifo"))
    ran = run(["timeout", "10", shop.args.fondue, "report", log(shop, hold(
        [{"obj": shop.path("fifo"), "off": "0x1"}, {"obj": "/dev/zero", "off": "0x1"},
         {"obj": shop.directory, "off": "0x1"}, {"obj": "relative", "off": "0x1"},
         {"obj": "[vdso]", "off": "0x1"}]))])
    test("what is no regular file is not read, and not waited for", ran.returncode == 0
         and ran.stderr.count("cannot be used") == 3 and ran.stderr.count("\n") == 3, show(ran))
    path = program(shop, "work")
    inside = [frame(path, returns(path, "flush_log")[0])]
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) - 2000)
    mine, ran = look_up(shop, inside)
    test("a program that was cut off", ran.returncode == 0 and "line" not in mine[0]
         and ran.stderr.count("\n") == 1, show(ran))
    with open(path, "r+b") as file:
        file.truncate(0)
    ran = report(shop, [hold(inside)])
    test("an empty file", ran.returncode == 0 and is_remark(ran, "cannot be used"), show(ran))


sys.exit(main(__doc__))
