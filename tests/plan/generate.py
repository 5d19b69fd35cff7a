#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A campaign: many random programs; each plan is right, or was refused.

    generate.py --fondue EXE [--library SO --include DIR] [--rounds=N] [--seed=N] [--keep=DIR]

Each program is compiled in one of many ways, and a random set of its variables is chosen.
If the plan is not refused, its references in code must be the very ones that the object
files' relocations tell of (truth.py), and the program must compute the same when the
variables are somewhere else (moved.py). With the runtime, what a child computes is looked for in
its parent: it is in the variables that the plan shares, and in no others; and the same is so of
the program with annotations.
"""
import argparse
import collections
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import moved  # noqa: E402
import truth  # noqa: E402
from programs import OPAQUE, Program  # noqa: E402
from tap import done, note, skip, test  # noqa: E402

LEVELS = ["-O0", "-O1", "-O2", "-O2", "-O3", "-O3", "-Os"]
EXTRA = [[], [], ["-fcf-protection"], ["-march=x86-64-v3"], ["-fno-plt"], ["-fomit-frame-pointer"],
         ["-fno-omit-frame-pointer"], ["-fstack-protector-strong"]]
COMPILERS = [each for each in ("gcc", "clang") if shutil.which(each)]
LIMIT = 60


class Round:
    def __init__(self, args, number, directory):
        self.args, self.number, self.directory = args, number, directory
        self.random = random.Random(f"{args.seed}/{number}")

    def path(self, name):
        return os.path.join(self.directory, name)

    def make(self, *command):
        made = subprocess.run(command, cwd=self.directory, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=LIMIT, text=True)
        if made.returncode:
            raise RuntimeError(f"{' '.join(command)}: {made.stdout[:2000]}")

    def build(self):
        cxx = self.random.random() < 0.25
        self.program = Program(self.random, cxx=cxx)
        suffix, compiler = (".cc" if cxx else ".c"), self.random.choice(COMPILERS)
        with open(self.path("one" + suffix), "w") as file:
            file.write(self.program.source)
        with open(self.path("opaque.c"), "w") as file:
            file.write(OPAQUE)
        driver = {"gcc": "g++", "clang": "clang++"}[compiler] if cxx else compiler
        self.sections = self.random.random() < 0.6
        self.flags = [self.random.choice(LEVELS), *self.random.choice(EXTRA)]
        if self.random.random() < 0.1 and not self.sections and compiler == "gcc":
            self.flags.append("-flto")
        if self.sections:
            self.flags += ["-fdata-sections", "-ffunction-sections"]
        self.driver = driver
        self.kind = self.random.choice([("-fPIE", "-pie"), ("-fPIE", "-pie"),
                                        ("-fno-pie", "-no-pie")])
        self.make(driver, "-w", "-g", self.kind[0], *self.flags, "-c", "one" + suffix)
        self.make(compiler, "-w", "-O0", self.kind[0], "-c", "opaque.c")
        self.make(driver, self.kind[1], *self.flags, "one.o", "opaque.o", "-o", "one",
                  "-Wl,--build-id")

    def plan(self):
        defined = {self.plain(s[0]) for s in truth.symbols(self.path("one")) if s[3] == "OBJECT"}
        names = [name for name in self.program.names if name in defined]
        count = self.random.randint(1, max(1, min(4, len(names))))
        self.chosen = sorted(self.random.sample(names, count))
        return subprocess.run([self.args.fondue, "plan", "-o", "one.plan", "--explain", "./one", *self.chosen],
                              cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=LIMIT, text=True)

    def computed(self, name):
        try:
            ran = subprocess.run(["./" + name], cwd=self.directory, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, timeout=20)
        except subprocess.TimeoutExpired:
            return "it does not end"
        return ran.returncode, ran.stdout

    def left(self, name, *words, **environment):
        """What the parent has in each variable: by name."""
        ran = subprocess.run(["./" + name, *words], cwd=self.directory, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=20, text=True,
                             env=dict(os.environ, **environment))
        lines = [line.split() for line in ran.stdout.splitlines()]
        return dict(line for line in lines if len(line) == 2), ran.stderr

    def shares_exactly(self, name, environment):
        """Return: None, or what is wrong."""
        done, _ = self.left("one", "in", "one")
        undone, _ = self.left("one", "fork")
        found, said = self.left(name, "fork", LD_PRELOAD=self.args.library, **environment)
        wanted = {key: done[key] if key in self.chosen else undone[key] for key in done}
        return None if found == wanted and not said else f"{name}: {found}, not {wanted}\n{said}"

    def annotate(self):
        suffix = ".cc" if self.program.cxx else ".c"
        with open(self.path("annotated" + suffix), "w") as file:
            file.write(self.program.annotated(self.chosen))
        self.make(self.driver, "-w", "-g", self.kind[0], "-I" + self.args.include, *self.flags, "-c",
                  "annotated" + suffix)
        self.make(self.driver, self.kind[1], *self.flags, "annotated.o", "opaque.o", "-o", "annotated")

    def run_shared(self):
        plan = self.path("one.plan")
        wrong = self.shares_exactly("one", {"FONDUE_PLAN": plan})
        if not wrong and not any(name.startswith("l") for name in self.chosen):
            self.annotate()
            wrong = self.shares_exactly("annotated", {})
        return wrong

    def counted(self):
        """What the plan has too much, and too little, of."""
        if not self.sections:
            return None
        with open(self.path("one.plan"), "rb") as file:
            plan = moved.Plan(file.read())
        starts = {v[0] for v in plan.variables}
        chosen = {s[0] for s in truth.symbols(self.path("one")) if s[1] in starts}
        known = truth.references(self.path("one.o"), self.path("one"))
        wanted = {at for at, name in known.items() if name in chosen}
        inside = truth.extents(self.path("one.o"), self.path("one"))
        mine = {each[0] for each in plan.references
                if any(start <= each[0] < end for start, end in inside)}
        extra, missing = mine - wanted, wanted - mine
        return [f"0x{at:x} is of {known.get(at)}" for at in extra], \
            [f"0x{at:x} of {known[at]} is not in it" for at in missing]

    @staticmethod
    def plain(name):
        if name.startswith("_ZL") or name.startswith("_ZZ"):
            return name.lstrip("_ZL0123456789") if name.startswith("_ZL") else name
        if "." in name:
            parts = name.split(".")
            return parts[0] if parts[-1].isdigit() else parts[-1]
        return name

    def judge(self):
        self.build()
        before = self.computed("one")
        ran = self.plan()
        if ran.returncode == 1 and "refused" in ran.stderr:
            return "refused", ran.stderr
        if ran.returncode != 0:
            return "wrong", f"status {ran.returncode}: {ran.stderr}"
        moved.move(self.path("one"), self.path("one.plan"), self.path("moved"))
        after = self.computed("moved")
        if before != after:
            return "wrong", f"{before} became {after}\n{self.counted()}\n{ran.stdout}"
        counted = self.counted()
        if counted and (counted[0] or counted[1]):
            return "differs", f"{counted}\n{ran.stdout}"
        wrong = self.run_shared() if self.args.library else None
        return ("wrong", wrong) if wrong else ("right", "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fondue", required=True)
    parser.add_argument("--library", help="libfondue.so, to carry plans out")
    parser.add_argument("--include", help="of its headers")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--keep", help="where to keep what went wrong")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    args.fondue = os.path.abspath(args.fondue)
    args.library = args.library and os.path.abspath(args.library)
    args.include = args.include and os.path.abspath(args.include)
    if not COMPILERS:
        skip("random programs", "there is no compiler")
        return done()
    counts, kinds, why = (collections.Counter() for _ in range(3))
    for number in range(args.first, args.first + args.rounds):
        with tempfile.TemporaryDirectory(prefix="fondue-plan-") as directory:
            one = Round(args, number, directory)
            verdict, text = one.judge()
            counts[verdict] += 1
            kinds[f"{one.kind[1]} {verdict}"] += 1
            if verdict == "refused":
                for line in text.splitlines():
                    why[" ".join(line.split(": ")[-1].split()[:9])] += 1
            if verdict in ("wrong", "differs") or args.verbose:
                note(f"round {number}: {verdict}: {one.driver} {' '.join(one.kind + tuple(one.flags))} "
                     f"{' '.join(one.chosen)}\n{text}")
                if args.keep and (verdict != "refused" or args.verbose):
                    shutil.copytree(directory, os.path.join(args.keep, f"{args.seed}-{number}"),
                                    dirs_exist_ok=True)
    note(f"{dict(counts)}: {dict(kinds)}")
    for text, count in why.most_common(12):
        note(f"{count:5} {text}")
    test(f"of {args.rounds} programs no plan is wrong", not counts["wrong"], dict(counts))
    test("none names another set of references than the object files do",
         not counts["differs"], dict(counts))
    test("and not all are refused", counts["right"] > args.rounds // 8, dict(counts))
    return done()


sys.exit(main())
