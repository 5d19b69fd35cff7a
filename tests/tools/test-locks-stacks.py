#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue locks --stacks: where the owners are, those that sleep and those that wait.

    test-locks-stacks.py --fondue EXE --library SO --archive A --include DIR
"""
import json
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import skip, test  # noqa: E402
from kin import Kin, at, build, letter, owner, until  # noqa: E402
from workshop import check, main, run, show  # noqa: E402


def functions(stack):
    return [frame["function"] for frame in stack["frames"]]


@check
def of_an_owner_that_sleeps(shop):
    with Kin(shop) as kin:
        holder = kin.do("hold", 0)
        until(lambda: letter(holder) == "S")
        kin.do("wait", 0)
        kin.waiting(1)
        document = json.loads(kin.text("--json", "--stacks").stdout)
        stack = at(document, "queue_lock")["owner"]["stack"]
        names = functions(stack)
        if any(frame["guess"] for frame in stack["frames"]):
            skip("where the owner is", "there is no libunwind")
            return
        test("where the owner is: from the call it sleeps in down to the start",
             stack["complete"] and stack["why"] is None and names[0] in ("pause", "ppoll")
             and "main" in names[names.index("keep"):] and names[-1] == "_start", names)
        keep = next(frame for frame in stack["frames"] if frame["function"] == "keep")
        symbols = run(["nm", shop.path("kin")]).stdout
        start = int(re.search(r"^(\w+) t keep$", symbols, re.M).group(1), 16)
        test("a frame by what the file has there, and by which build",
             keep["object"] == shop.path("kin") and not keep["guess"]
             and keep["offset"] - keep["function_offset"] == start
             and keep["build_id"] in run(["readelf", "-n", shop.path("kin")]).stdout, keep)
        ran = kin.text("--stacks")
        test("the text: between the lock and those who wait", re.search(
            r"^lock queue_lock .*\n  taken .*\n"
            r"  now     #0 (pause|ppoll)\+0x\w+ \(libc.so.6\+0x\w+\)\n"
            r"(  now     #\d+ .*\n)+  waits ", ran.stdout, re.M), show(ran))
        test("it sleeps as before, and nobody asked without --stacks",
             letter(holder) == "S" and "stack" not in at(kin.look(), "queue_lock")["owner"])
        os.kill(holder, signal.SIGSTOP)
        until(lambda: letter(holder) == "T")
        document = json.loads(kin.text("--json", "--stacks").stdout)
        test("of one that is stopped as well", "keep" in functions(
            at(document, "queue_lock")["owner"]["stack"]), document)


@check
def of_one_that_runs(shop):
    with Kin(shop) as kin:
        kin.do("spin", 0)
        document = json.loads(kin.text("--json", "--stacks").stdout)
        stack = at(document, "queue_lock")["owner"]["stack"]
        ran = kin.text("--stacks")
        test("of one that runs there is none, and it is said", not stack["frames"]
             and stack["why"] == "it is running" and not stack["complete"]
             and "where it is cannot be told: it is running" in ran.stdout, (stack, show(ran)))


def stack_of(kin, number):
    document = json.loads(kin.text("--json", "--stacks").stdout)
    return at(document, "table", 8 * number)["owner"]["stack"]


def is_whole(stack):
    names = functions(stack)
    return (stack["how"] == "site" and stack["complete"] and names[0] == "take"
            and "main" in names and names[-1] == "_start"
            and not any("libfondue" in (each["object"] or "") for each in stack["frames"]))


@check
def of_an_owner_that_waits(shop):
    for options in ["-O0"], ["-O1"], ["-O2", "-fomit-frame-pointer"]:
        build(shop, *options)
        with Kin(shop) as kin:
            kin.do("hold", 11)
            holder = kin.do("cross", 10, 11)
            kin.say("go")
            document = kin.waiting(1)
            stack = stack_of(kin, 10)
            if any(frame["guess"] for frame in stack["frames"]):
                skip("the stack of one who waits", "there is no libunwind")
                return
            asked = at(document, "table", 88)["waiters"][0]["site"]
            test(f"{options[0]}: an owner that waits itself: from where it asks for the lock",
                 is_whole(stack) and hex(stack["frames"][0]["address"]) == asked["pc"], stack)
            os.kill(holder, signal.SIGSTOP)
            until(lambda: letter(holder) == "T")
            ran = kin.text("--stacks")
            test(f"{options[0]}: the text, while it is stopped: it `asks`", re.search(
                r"^lock table\+0x50 .*\n  taken   at take\+.*\n  asks    #0 take\+0x.*\n"
                r"(  asks    #\d+ .*\n)+(lock|\Z)", ran.stdout, re.M)
                and re.search(r"^  asks    #\d+ main", ran.stdout, re.M), show(ran))


@check
def of_one_that_has_waited(shop):
    with Kin(shop) as kin:
        holder, heir = kin.do("hold", 13), kin.do("queue", 13)
        kin.waiting(1)
        os.kill(holder, signal.SIGKILL)
        kin.until(lambda document: owner(at(document, "table", 104)) == heir)
        until(lambda: letter(heir) == "S" and functions(stack_of(kin, 13))[:1] == ["pause"])
        stack = stack_of(kin, 13)
        test("of one that has the lock now it is not where it waited", stack["how"] == "proc"
             and functions(stack)[0] in ("pause", "ppoll"), stack)


@check
def of_a_deadlock(shop):
    with Kin(shop) as kin:
        kin.do("cross", 10, 11)
        kin.do("cross", 11, 10)
        kin.say("go")
        kin.until(lambda document: any(lock["deadlock"] for lock in document["locks"]))
        stacks_of_both = [stack_of(kin, number) for number in (10, 11)]
        ran = kin.text("--stacks")
        if any(frame["guess"] for each in stacks_of_both for frame in each["frames"]):
            skip("the stacks of a deadlock", "there is no libunwind")
            return
        test("each member of a deadlock, from where it asks for the next one's lock",
             all(map(is_whole, stacks_of_both)), stacks_of_both)
        test("in the text as well", len(re.findall(
            r"part of a deadlock\n  taken   at take\+.*\n  asks    #0 take\+", ran.stdout)) == 2,
            show(ran))


sys.exit(main(__doc__))
