#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The lecture's programs with its own names: shared_malloc(), shared_free(), `shared`.

    test-shares.py LIBRARY SHARES

What was allocated before the fork is shared in either case, as in the lecture; what workers
allocate is with the runtime.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import done, test  # noqa: E402
from host import command  # noqa: E402

FACTORS = 19998 - 2262  # from 2 to 19,999, without the primes


def run(program, library):
    argv, environment = command([program], library)
    ended = subprocess.run(argv, env=environment, text=True, timeout=60,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return ended.returncode, ended.stdout


def main():
    library, program = sys.argv[1:]
    table = "of 20000 squares 0 are wrong\n"

    alone = run(program, None)
    test("without the preload what was allocated before is shared, and nothing else",
         alone == (1, table + f"of {FACTORS} factors 0 were found, 0 wrong\n"), alone)
    shared = run(program, library)
    test("with it what workers allocate is, too",
         shared == (0, table + f"of {FACTORS} factors {FACTORS} were found, 0 wrong\n"), shared)
    return done()


sys.exit(main())
