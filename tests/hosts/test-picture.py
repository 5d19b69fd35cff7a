#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A picture computed in pieces is, byte for byte, the one that is computed alone.

    test-picture.py LIBRARY PICTURE

By one worker, by some, by one for each line; with the preload and without it; and when a
worker dies over its line.
"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import done, test  # noqa: E402
from host import command  # noqa: E402

SIZE = 15 + 3 * 320 * 200


class Run:
    """One run of the program, what it said, and its picture."""

    def __init__(self, program, library, *args):
        with tempfile.TemporaryDirectory(prefix="fondue-picture-") as directory:
            path = os.path.join(directory, "picture.ppm")
            argv, environment = command([program, *args, path], library)
            ended = subprocess.run(argv, env=environment, text=True, timeout=120,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.status, self.out, self.err = ended.returncode, ended.stdout, ended.stderr
            self.bytes = b""
            if os.path.exists(path):
                with open(path, "rb") as file:
                    self.bytes = file.read()

    def __str__(self):
        return f"status {self.status}, {len(self.bytes)} bytes\n{self.out}{self.err}"


def main():
    library, program = sys.argv[1:]

    alone = Run(program, None, "-a")
    test("the picture has all its pixels, of many colours",
         alone.status == 0 and len(alone.bytes) == SIZE and len(set(alone.bytes[15:])) > 100,
         alone)
    for preload, how in (None, "without"), (library, "with"):
        for workers, who in ("0", "one for each processor"), ("1", "one worker"), ("7", "7"), \
                ("200", "one for each line"):
            run = Run(program, preload, "-w", workers)
            test(f"{how} the preload, {who}: the same picture, and not a word",
                 run.status == 0 and run.bytes == alone.bytes and not run.out + run.err, run)
        run = Run(program, preload, "-w", "3", "-k", "57")
        test(f"{how} the preload, a death over a line: it is told, and the picture whole",
             run.status == 0 and run.bytes == alone.bytes
             and run.out == "line 57: killed by signal 9\n", run)
        run = Run(program, preload, "-w", "1", "-p", "1")
        lines = run.err.splitlines()
        test(f"{how} the preload, progress: lines, of which the last says that all is done",
             run.status == 0 and len(lines) > 1 and lines[-1] == "200 of 200 pieces done", run)
    return done()


sys.exit(main())
