#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SPLASH-3, with fork() for its threads, not rebuilt: one variable named makes it right.

    splash.py --fondue EXE [--source GIT] [--work DIR] [--rounds N] [--cc CC]..

SPLASH is a suite of parallel programs that people measure machines with. Its licence does
not let it stand in this tree: it is fetched into DIR (by default below the user's cache) and
built there, with its own makefiles, once with threads and once with splash.m4, where CREATE
is fork(). Three of its programs keep something that all must see in a global:

    FMM              Grid   private: the children follow a null pointer, or wait for ever
    WATER-NSQUARED   XTT    private: the result is 0, and the exit status, too
    WATER-SPATIAL    XTT

Each must compute by `fondue run --share=NAME` what it does with threads, and must not
without. Where SPLASH cannot be had, all of this is skipped.
"""
import argparse
import os
import platform
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import done, note, test  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = "https://github.com/SakalisC/Splash-3.git"
# Seconds: a run takes about one; without its variable FMM may wait for ever.
LIMIT = 20
THREADS = "pthread_macros/pthread.m4.stougie"
NEEDED = ["codes/Makefile.config", "codes/" + THREADS]


def rows_of(run):
    """The particles that FMM prints, in an order of their own."""
    return sorted(line for line in run.stdout.splitlines() if re.match(r"P +[0-9]+ :", line))


def result_of(run):
    """What the WATERs compute; the last digits depend on who added first."""
    found = re.search(r"XTT\s*=\s*([-0-9.e+]+)", run.stdout)
    return found and float(found[1])


def same_rows(one, other):
    """In a few particles of 16,384 two runs with threads differ, too."""
    return len(one) > 16000 and len(one) == len(other) and \
        sum(a != b for a, b in zip(one, other)) <= 8


def same_result(one, other):
    return bool(one) and bool(other) and abs(one - other) <= 1e-4 * abs(one)


PROGRAMS = [
    ("apps/fmm", "FMM", ["-o"], "inputs/input.4.16384", "Grid", rows_of, same_rows),
    ("apps/water-nsquared", "WATER-NSQUARED", [], "inputs/n512-p4", "XTT", result_of, same_result),
    ("apps/water-spatial", "WATER-SPATIAL", [], "inputs/n512-p4", "XTT", result_of, same_result),
]


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fondue", required=True)
    parser.add_argument("--source", default=os.environ.get("SPLASH3", SOURCE),
                        help="a git repository; by default $SPLASH3, or where SPLASH-3 lives")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    parser.add_argument("--work", default=os.path.join(cache, "fondue-splash"))
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--cc", action="append")
    return parser.parse_args()


def fetch(source, work):
    """The few directories that are used, as their authors have them."""
    tree = os.path.join(work, "splash")
    if not os.path.isdir(tree):
        got = subprocess.run(["git", "clone", "--quiet", "--no-checkout", source, tree],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if got.returncode:
            skip_all(f"{source}: {got.stderr.strip() or 'not to be had'}")
    paths = NEEDED + ["codes/" + program[0] for program in PROGRAMS]
    subprocess.run(["git", "-C", tree, "checkout", "--quiet", "HEAD", "--", *paths], check=True)
    return os.path.join(tree, "codes")


def build(codes, work, directory, compiler, macros, name):
    """A copy of the program's directory, built by its makefile with these macros."""
    place = os.path.join(work, name, directory)
    subprocess.run(["rm", "-rf", place], check=True)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    for path in ("Makefile.config", directory):
        subprocess.run(["cp", "-r", os.path.join(codes, path), os.path.join(work, name, path)],
                       check=True)
    subprocess.run(["make", "-s", "-C", place, f"CC={compiler} -D_DEFAULT_SOURCE", f"MACROS={macros}"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return place


def run(place, argv, data, environment=None):
    """As a process group of its own: what waits for ever is ended, children and all."""
    with open(os.path.join(place, data)) as stdin:
        child = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, text=True,
                                 stderr=subprocess.PIPE, cwd=place, start_new_session=True,
                                 env=dict(os.environ, **(environment or {})))
        try:
            out, err = child.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            out, err = child.communicate()
    return subprocess.CompletedProcess(argv, child.returncode, out, err)


def compare(options, codes, compiler, program):
    directory, name, flags, data, variable, reading, same = program
    spot = os.path.join(options.work, os.path.basename(compiler))
    threads = build(codes, spot, directory, compiler, os.path.join(codes, THREADS), "threads")
    forks = build(codes, spot, directory, compiler, os.path.join(HERE, "splash.m4"), "forks")
    right = reading(run(threads, ["./" + name, *flags], data))
    share = [options.fondue, "run", f"--share={variable}", "--", "./" + name, *flags]
    settings = {"XDG_CACHE_HOME": os.path.join(spot, "cache")}
    os.makedirs(settings["XDG_CACHE_HOME"], exist_ok=True)
    wrong = [run(forks, ["./" + name, *flags], data) for _ in range(options.rounds)]
    shared = [run(forks, share, data, settings) for _ in range(options.rounds)]
    lost = sum(not same(right, reading(each)) for each in wrong)
    test(f"{name}, {compiler}: with fork() alone it is wrong or crashes",
         lost > 0, [each.stdout[-300:] for each in wrong])
    note(f"{lost} of {options.rounds} runs wrong, {sum(each.returncode != 0 for each in wrong)} "
         "of them crash or never end")
    bad = [each for each in shared if each.returncode or not same(right, reading(each))]
    test(f"{name}, {compiler}: with --share={variable} {options.rounds} of {options.rounds} "
         "compute what threads do", not bad,
         bad and f"status {bad[0].returncode}\n{bad[0].stderr}\n{bad[0].stdout[-500:]}")


def main():
    options = arguments()
    options.fondue, options.work = (
        os.path.abspath(path) for path in (options.fondue, options.work))
    if platform.machine() != "x86_64":
        skip_all("a plan is for x86-64 so far")
    os.makedirs(options.work, exist_ok=True)
    codes = fetch(options.source, options.work)
    for compiler in options.cc or ["gcc", "clang"]:
        for program in PROGRAMS:
            compare(options, codes, compiler, program)
    sys.exit(done())


main()
