#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every compiler, linker, kind, option and order: are the variables isolated?

    matrix.py --runtime build/preload/libfondue.so [--archive FILE] [--musl-runtime FILE]
              [--musl-archive FILE] [--aarch64-runtime FILE] [--aarch64-archive FILE]
              [--include DIR] [--short] [-j N] [--only REGEX] [--list]

subject/ is a program that checks itself: cases.py says how it is built and run, refused.py
what must be refused, inspect_elf.py looks at the result from outside. The whole matrix
takes minutes, --short every pair of values once. An archive is looked for beside its
runtime, a runtime for musl or aarch64 in build-musl/ or build-aarch64/ beside the build
directory of the first; what needs one that is not there is skipped.
"""
import argparse
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import cases  # noqa: E402
import toolchain  # noqa: E402
from build import HERE, Workshop  # noqa: E402
from cover import cover  # noqa: E402
from tap import done, note, skip, test  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for machine in "", "musl-", "aarch64-":
        parser.add_argument(f"--{machine}runtime", metavar="FILE", required=not machine)
        parser.add_argument(f"--{machine}archive", metavar="FILE")
    parser.add_argument("--include", metavar="DIR", help="instead of this tree's include/",
                        default=os.path.join(HERE, "..", "..", "include"))
    parser.add_argument("--short", action="store_true", help="each pair of values once")
    parser.add_argument("-j", type=int, metavar="N", default=os.cpu_count(), dest="jobs")
    parser.add_argument("--only", metavar="REGEX", help="cases whose name or group matches")
    parser.add_argument("--list", action="store_true", help="print names, build nothing")
    return parser.parse_args()


def runtimes_of(args):
    """machine -> files that are there; a file that was named has to be."""
    builds = os.path.join(os.path.dirname(os.path.abspath(args.runtime)), "..", "..")
    found = {}
    for machine in "native", "musl", "aarch64":
        prefix = "" if machine == "native" else machine + "_"
        library = getattr(args, prefix + "runtime")
        archive = getattr(args, prefix + "archive")
        for path in library, archive:
            if path and not os.path.exists(path):
                sys.exit(f"matrix.py: {path} does not exist")
        library = library or os.path.join(builds, f"build-{machine}", "preload/libfondue.so")
        archive = archive or os.path.join(os.path.dirname(library), "libfondue.a")
        found[machine] = {kind: os.path.abspath(path)
                          for kind, path in (("library", library), ("archive", archive))
                          if os.path.exists(path)}
    return found


def all_cases(args, runtimes):
    qemu = shutil.which("qemu-aarch64")
    every = cases.cases(
        toolchain.native_compilers(), toolchain.linkers(),
        toolchain.special_compiler("musl-gcc", "musl"),
        toolchain.special_compiler("aarch64-linux-gnu-gcc", "aarch64") if qemu else None,
        runtimes)
    return [case for case in every if not args.only
            or re.search(args.only, case.name) or re.search(args.only, case.group)]


def shortened(every, workshop):
    """The cover of the large groups, and the others' own choice, in the order of the whole."""
    large = [c for c in every if c.group == "ordinary builds" or "-flto" in c.group]
    chosen = set(cover(large, lambda case: case.cannot(workshop) is None))
    return [case for case in every if case.short or case in chosen]


def try_case(case, workshop):
    """The outcome and its explanation."""
    reason = case.cannot(workshop)
    if reason:
        return "skipped", reason
    found = case.complaints(workshop)
    return ("failed", "\n".join(found)) if found else ("passed", None)


def run_cases(chosen, workshop, jobs):
    counts = {}
    with ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda case: try_case(case, workshop), chosen)
        for case, (outcome, text) in zip(chosen, results):
            counts.setdefault(case.group, Counter())[outcome] += 1
            if outcome == "skipped":
                skip(case.name, text)
            else:
                test(case.name, outcome == "passed", text)
    return counts


def summary(counts):
    note(f"{'group':32} {'cases':>6} {'passed':>7} {'failed':>7} {'skipped':>8}")
    total = Counter()
    for group, counter in [*counts.items(), ("all", total)]:
        total.update(counter if counter is not total else {})
        note(f"{group:32} {sum(counter.values()):6} {counter['passed']:7} "
             f"{counter['failed']:7} {counter['skipped']:8}")


def main():
    args = arguments()
    runtimes = runtimes_of(args)
    with tempfile.TemporaryDirectory(prefix="fondue-matrix-") as directory:
        workshop = Workshop(directory, os.path.abspath(args.include), runtimes)
        chosen = all_cases(args, runtimes)
        if args.short:
            chosen = shortened(chosen, workshop)
        if args.list:
            print("\n".join(f"{case.group}: {case.name}" for case in chosen))
            return 0
        for compiler in toolchain.native_compilers():
            note(f"{compiler} is version {compiler.version}")
        summary(run_cases(chosen, workshop, args.jobs))
    return done()


if __name__ == "__main__":
    sys.exit(main())
