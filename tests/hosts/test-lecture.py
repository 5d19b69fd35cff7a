#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The lecture's program: every value of the shared variable is seen exactly once.

    test-lecture.py LIBRARY LECTURE

Parent and child increment one variable under a lock and print it each time. Shared, the
values printed are 0, 1, 2 ... in both together, without gap or repetition; private, each
has that sequence for itself. The address is the same in both processes either way.
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import done, test  # noqa: E402
from host import command  # noqa: E402

LINE = re.compile(r"^(Parent|Child)'s copy=(\d+) \(at (0x[0-9a-f]+)\)$", re.M)
PRIMES = 33860  # below 400,000


class Run:
    """One run of the program, and what it printed."""

    def __init__(self, lecture, library, *args):
        argv, environment = command([lecture, *args], library)
        ended = subprocess.run(argv, env=environment, text=True, timeout=60,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.status, self.text = ended.returncode, ended.stdout + ended.stderr
        lines = LINE.findall(ended.stdout)
        self.parent = [int(value) for who, value, _ in lines if who == "Parent"]
        self.child = [int(value) for who, value, _ in lines if who == "Child"]
        self.addresses = {address for _, _, address in lines}

    def number(self, label):
        found = re.search(re.escape(label) + r"\s*(\d+)", self.text)
        return int(found.group(1)) if found else None


def is_shared(run, rounds):
    return (run.status == 0 and sorted(run.parent + run.child) == list(range(2 * rounds))
            and len(run.parent) == len(run.child) == rounds
            and len(run.addresses) == 1
            and run.number("In the end the parent reads") == 2 * rounds
            and run.number("Rounds of its own, private:") == rounds)


def is_private(run, rounds):
    return (run.status == 1 and run.parent == run.child == list(range(rounds))
            and len(run.addresses) == 1
            and run.number("In the end the parent reads") == rounds
            and run.number("Rounds of its own, private:") == rounds)


def main():
    library, lecture = sys.argv[1:]

    alone = Run(lecture, None)
    test("without the preload parent and child count apart, at one address",
         is_private(alone, 5), alone.text)
    test("and the parent collects nothing from its workers",
         alone.number("The parent collects:") == 0
         and alone.number("Alone it computes:") == PRIMES, alone.text)

    shared = Run(lecture, library)
    test("with the preload every value is seen once, at one address; the rest is private",
         is_shared(shared, 5), shared.text)
    test("and the parent collects what it computes alone",
         shared.number("The parent collects:") == PRIMES
         and shared.number("Alone it computes:") == PRIMES, shared.text)

    wrong = [run for run in (Run(lecture, library, "1000") for _ in range(5))
             if not is_shared(run, 1000)]
    test("nothing is lost in five runs of 1000 rounds", not wrong,
         wrong and wrong[0].text[-2000:])
    return done()


sys.exit(main())
